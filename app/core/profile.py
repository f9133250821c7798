"""The mergeable summary of a window: counts that add, so that every check is arithmetic and never a scan.

All sums are exact integers (a bin's mean is kept as whole steps of 1/4096 of its width), hence merging is associative
and commutative to the last bit, a part can be taken out of a total again, and a fold in any order equals a rebuild.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.core.columns import State
from app.core.label_delay import DELAY_BINS
from app.core.layout import BINS, Layout
from app.core.model import Source
from app.core.replays import merge_replays, no_replays
from app.core.stats.projections import PROJECTIONS
from app.core.stats.quantiles import latency_edges

IntArray: TypeAlias = NDArray[np.int64]
FloatArray: TypeAlias = NDArray[np.float64]

LATENCY_EDGES = latency_edges()
LATENCY_BINS = LATENCY_EDGES.size - 1
WRONG, RIGHT = 0, 1
SHOWN, CORRECTED = 0, 1
ABSOLUTE, SQUARED, SIGNED = 0, 1, 2
OUTSIDE, ZERO, ONE = 0, 1, 2
COMPARED, DIFFERENT = 0, 1


class _Additive:
    """Arrays that add element by element; a leading axis of windows may be stacked in front and summed away."""

    __slots__ = ()

    @classmethod
    def stack(cls, parts: Sequence[Self]) -> Self:
        """One value whose arrays have a leading axis, in the order of `parts` (at least one)."""
        return cls(*(np.stack([getattr(part, f.name) for part in parts]) for f in fields(cls)))  # type: ignore[arg-type]

    def sum(self) -> Self:
        """Merge over the leading axis."""
        return type(self)(*(_merge(f.name, getattr(self, f.name)) for f in fields(self)))  # type: ignore[arg-type]

    def __add__(self, other: Self) -> Self:
        return type(self).stack([self, other]).sum()

    def __getitem__(self, index: slice | IntArray | NDArray[np.bool_]) -> Self:
        """The chosen windows of a stacked value."""
        return type(self)(*(getattr(self, f.name)[index] for f in fields(self)))  # type: ignore[arg-type]

    def negated(self) -> Self:
        """What takes these counts away when it is added. Extremes and samples cannot be taken away, and stay."""
        signed = ((f.name, 1 if f.name in _MERGED_BY else -1) for f in fields(self))  # type: ignore[arg-type]
        return type(self)(*(sign * getattr(self, name) for name, sign in signed))

    @staticmethod
    def merged(name: str, total: NDArray[Any], more: NDArray[Any]) -> NDArray[Any]:
        """The array of that name with more of it merged in, which may be of a narrower type; `total` may be reused."""
        if name in _MERGED_BY:
            return _MERGED_BY[name](np.stack([total, more]))
        total += more
        return total

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        return {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]


def _smallest(stacked: NDArray[np.generic]) -> NDArray[np.generic]:
    return np.asarray(stacked.min(axis=0))


def _largest(stacked: NDArray[np.generic]) -> NDArray[np.generic]:
    return np.asarray(stacked.max(axis=0))


_MERGED_BY: Mapping[str, Callable[[Any], NDArray[np.generic]]] = {
    "lowest": _smallest,
    "highest": _largest,
    "lowest_score": _smallest,
    "highest_score": _largest,
    "parity_gaps": _largest,
    "replays": merge_replays,
}
"""How arrays merge that do not add."""


def _merge(name: str, stacked: NDArray[np.generic]) -> NDArray[np.generic]:
    return _MERGED_BY[name](stacked) if name in _MERGED_BY else np.asarray(stacked.sum(axis=0))


@dataclass(frozen=True, slots=True, eq=False)
class FeatureCounts(_Additive):
    """What the served features looked like. F numeric features, G categorical ones, `...` stacked windows."""

    numeric: IntArray
    """[..., F, BINS] finite values per bin."""
    offsets: IntArray
    """[..., F, BINS] sum over a bin's values of their offset from the bin's centre, in the layout's quanta."""
    states: IntArray
    """[..., F, State] values that are missing, NaN, infinite or no number."""
    lowest: FloatArray
    """[..., F] smallest finite value; +inf when there is none."""
    highest: FloatArray
    """[..., F] largest finite value; -inf when there is none."""
    categories: IntArray
    """[..., G, C] values per known category, then per bucket of its tail, padded; the last column: all other ones."""
    absent: IntArray
    """[..., G] missing values of categorical features."""
    latent: IntArray
    """[..., L, BINS] like `numeric`, of the latent columns."""
    latent_offsets: IntArray
    """[..., L, BINS] like `offsets`, of the latent columns."""
    latent_states: IntArray
    """[..., L, State] like `states`, of the latent columns."""
    residuals: IntArray
    """[..., M] sums over rows of the squared remainders that the reconstruction errors are made of, in steps."""

    @classmethod
    def empty(cls, layout: Layout) -> FeatureCounts:
        f, g, latent = len(layout.numeric), len(layout.categorical), len(layout.latent)
        c = layout.unfamiliar.shape[-1]
        return cls(
            numeric=np.zeros((f, BINS), np.int64),
            offsets=np.zeros((f, BINS), np.int64),
            states=np.zeros((f, len(State)), np.int64),
            lowest=np.full(f, np.inf),
            highest=np.full(f, -np.inf),
            categories=np.zeros((g, c), np.int64),
            absent=np.zeros(g, np.int64),
            latent=np.zeros((latent, BINS), np.int64),
            latent_offsets=np.zeros((latent, BINS), np.int64),
            latent_states=np.zeros((latent, len(State)), np.int64),
            residuals=np.zeros(len(layout.multivariate.columns) if layout.multivariate else 0, np.int64),
        )

    def means(self, layout: Layout) -> FloatArray:
        """[..., F, BINS] mean of each bin's values; the bin's centre where it is empty."""
        return layout.grid.means(self.numeric, self.offsets)

    def missing(self, layout: Layout) -> IntArray:
        """[..., N] missing values of each feature, in the order of `layout.feature_names`."""
        numeric = self.states[..., layout.telling_columns, State.MISSING]
        return np.concatenate([numeric, self.absent, self.vector_states(layout)[..., State.MISSING]], axis=-1)

    def present(self, layout: Layout) -> IntArray:
        """[..., N] values of any kind of each feature; NaN and infinities are values, too."""
        numeric = self.numeric.sum(axis=-1) + self.states.sum(axis=-1) - self.states[..., State.MISSING]
        states = self.vector_states(layout)
        vectors = self.vectors(layout) + states.sum(axis=-1) - states[..., State.MISSING]
        return np.concatenate([numeric[..., layout.telling_columns], self.categories.sum(axis=-1), vectors], axis=-1)

    def unfit(self, layout: Layout) -> IntArray:
        """[..., N] values of each feature that are not of its kind, or categories that the layout does not know."""
        numeric = self.states[..., layout.telling_columns, State.INVALID]
        vectors = self.vector_states(layout)[..., State.INVALID]
        unknown = np.sum(self.categories, axis=-1, where=layout.unfamiliar)
        return np.concatenate([numeric, unknown, vectors], axis=-1)

    def vectors(self, layout: Layout) -> IntArray:
        """[..., E] vectors of finite numbers of each embedding. Any of its projections tells."""
        return np.asarray(self.latent[..., : len(layout.embeddings) * PROJECTIONS : PROJECTIONS, :].sum(axis=-1))

    def vector_states(self, layout: Layout) -> IntArray:
        """[..., E, State] values of each embedding that are no such vectors."""
        return self.latent_states[..., : len(layout.embeddings) * PROJECTIONS : PROJECTIONS, :]


@dataclass(frozen=True, slots=True, eq=False)
class OutcomeCounts(_Additive):
    """What was predicted, how fast, and what turned out. K classes, S = score bins + 1 (the last: no finite score)."""

    rows: IntArray
    """[...] predictions."""
    predicted: IntArray
    """[..., K, S] predictions by predicted class and score bin (regression: K = 1, bins of the predicted value)."""
    score_states: IntArray
    """[..., State] scores that are missing, NaN or infinite."""
    outcomes: IntArray
    """[..., K, 2, S] those with a ground-truth or audit label, by predicted class, WRONG or RIGHT, and score bin."""
    audits: IntArray
    """[..., K, 2, S] those of them that a random audit chose."""
    confusion: IntArray
    """[..., K, K] the same by predicted and true class."""
    label_delays: IntArray
    """[..., DELAY_BINS] the same by the time from the prediction to its first such label, where that is known."""
    labels: IntArray
    """[..., Source] labelled predictions by the source of the effective label, in the order of `Source`."""
    review: IntArray
    """[..., 2] predictions SHOWN to a person, and those that a user CORRECTED."""
    latency: IntArray
    """[..., LATENCY_BINS] predictions by latency."""
    errors: FloatArray
    """[..., 3] regression: sums of the ABSOLUTE, SQUARED and SIGNED error over the same."""
    expected_errors: IntArray
    """[..., 2] regression: ABSOLUTE and SQUARED error expected of finite predictions, in `Losses.quanta`."""
    score_marks: IntArray
    """[..., 3] finite scores OUTSIDE of [0, 1], exactly ZERO and exactly ONE."""
    lowest_score: FloatArray
    """[...] smallest finite score (regression: predicted value); +inf when there is none."""
    highest_score: FloatArray
    """[...] largest finite score; -inf when there is none."""
    unknown: IntArray
    """[...] features that the layout does not know, over all predictions."""
    parity: IntArray
    """[..., features, 2] by feature: values COMPARED with those of the offline pipeline, and DIFFERENT ones."""
    parity_gaps: FloatArray
    """[..., features] the largest difference of two numbers among them; 0 when there is none."""
    replays: FloatArray
    """[..., KEPT, 4] a sample of inputs: KEY, TIMES it came, LOWEST and HIGHEST score; see `app.core.replays`."""

    @classmethod
    def empty(cls, layout: Layout) -> OutcomeCounts:
        k, s = len(layout.classes), layout.score_bins + 1
        return cls(
            rows=np.zeros((), np.int64),
            predicted=np.zeros((k, s), np.int64),
            score_states=np.zeros(len(State), np.int64),
            outcomes=np.zeros((k, 2, s), np.int64),
            audits=np.zeros((k, 2, s), np.int64),
            confusion=np.zeros((k, k), np.int64),
            label_delays=np.zeros(DELAY_BINS, np.int64),
            labels=np.zeros(len(Source), np.int64),
            review=np.zeros(2, np.int64),
            latency=np.zeros(LATENCY_BINS, np.int64),
            errors=np.zeros(3, np.float64),
            expected_errors=np.zeros(2, np.int64),
            score_marks=np.zeros(3, np.int64),
            lowest_score=np.array(np.inf),
            highest_score=np.array(-np.inf),
            unknown=np.zeros((), np.int64),
            parity=np.zeros((len(layout.feature_names), 2), np.int64),
            parity_gaps=np.zeros(len(layout.feature_names)),
            replays=no_replays(),
        )


@dataclass(frozen=True, slots=True)
class Profile:
    """One window of one version."""

    features: FeatureCounts
    outcomes: OutcomeCounts

    @classmethod
    def empty(cls, layout: Layout) -> Profile:
        return cls(FeatureCounts.empty(layout), OutcomeCounts.empty(layout))

    @property
    def rows(self) -> int:
        return int(self.outcomes.rows)

    def __add__(self, other: Profile) -> Profile:
        return Profile(self.features + other.features, self.outcomes + other.outcomes)
