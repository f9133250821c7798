"""How raw values of one version are binned: fixed when its reference is stored, so that profiles stay comparable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias
from zlib import crc32

import msgspec
import numpy as np
from numpy.typing import NDArray

from app.core.columns import Column, Numbers, categories_of, is_numeric, parse_numbers
from app.core.derived import Derivation, DerivedFeature, Embedding
from app.core.losses import Losses
from app.core.model import Task
from app.core.multivariate import NAME as RECONSTRUCTION_ERROR
from app.core.multivariate import Multivariate, Standard, learn_multivariate
from app.core.stats.quantiles import equal_mass_edges

FloatArray: TypeAlias = NDArray[np.float64]

BINS = 128
MOST_FEATURES = 2_000
MOST_CATEGORIES = 100
TAIL_BUCKETS = 32
MOST_CLASSES = 100
OTHER = "(other)"
_OFFSET_STEPS = 2**12  # a bin's mean is kept to 1/4096 of its width, as an exact integer sum


class NumericFeature(msgspec.Struct, frozen=True):
    """A number's bins and scale, learnt from the reference. Bin i is [edges[i-1], edges[i]), both ends open."""

    name: str
    edges: list[float]
    mean: float
    sd: float
    low: float
    high: float

    @property
    def scale(self) -> float:
        """What distances are divided by: the winsorised sd, or the value's own size for a constant feature."""
        return self.sd or abs(self.mean) or 1.0


class CategoricalFeature(msgspec.Struct, frozen=True, omit_defaults=True):
    """A category's known values, most frequent first; anything else is counted as `other`.

    Where the reference has more values than those, anything else is counted in one of `tail` buckets instead, which its
    name alone chooses: memory is bounded, and values that come and go in the tail are seen.
    """

    name: str
    categories: list[str]
    tail: int = 0

    @property
    def places(self) -> int:
        """Columns of its counts, without the one of `other` values."""
        return len(self.categories) + self.tail

    def place_of_unknown(self, value: str) -> int:
        """The column that a value is counted in which is none of the known ones; -1 is that of `other` values."""
        return len(self.categories) + crc32(value.encode("utf-8", "surrogatepass")) % self.tail if self.tail else -1


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """The bins of C columns as arrays: where offsets are measured from, [C, BINS], and in which steps, [C, BINS]."""

    centres: FloatArray
    quanta: FloatArray
    edges: list[FloatArray]
    scales: FloatArray

    @classmethod
    def of(cls, columns: Sequence[NumericFeature]) -> Grid:
        """The arrays of these columns; `scales` [C] are the divisors of their distances."""
        grids = np.array([_grid(column) for column in columns]).reshape(-1, 2, BINS)
        edges, scales = [np.array(column.edges) for column in columns], [column.scale for column in columns]
        return cls(grids[:, 0].copy(), grids[:, 1].copy(), edges, np.array(scales))

    def means(self, counts: NDArray[np.int64], offsets: NDArray[np.int64]) -> FloatArray:
        """[..., C, BINS] mean of each bin's values; the bin's centre where it is empty."""
        return self.centres + self.quanta * offsets / np.maximum(counts, 1)


class Layout(msgspec.Struct, frozen=True, dict=True, omit_defaults=True):
    """The bins of one version. Arrays of a profile follow the order given here.

    `numeric` are the columns that are counted as numbers: the features that are numbers, and after them the columns of
    the `derived` features, one feature after the other. `latent` are columns that no check has as a subject of its own:
    the projections of the `embeddings`, and at last, where there is `multivariate`, a row's reconstruction error.
    """

    task: Task
    numeric: list[NumericFeature]
    categorical: list[CategoricalFeature]
    classes: list[str]
    score_edges: list[float]
    threshold: float
    confident: float
    derived: list[DerivedFeature] = []
    losses: Losses | None = None
    """Regression with a labelled reference: what tells the expected error of a row."""
    embeddings: list[Embedding] = []
    latent: list[NumericFeature] = []
    multivariate: Multivariate | None = None

    @cached_property
    def numbers(self) -> list[NumericFeature]:
        """The features that are numbers themselves."""
        return self.numeric[: len(self.numeric) - sum(len(feature.columns) for feature in self.derived)]

    @cached_property
    def feature_names(self) -> list[str]:
        """The features as they are served: numbers, then derived ones, then categories, then embeddings."""
        numeric = [feature.name for feature in self.numbers] + [feature.name for feature in self.derived]
        return numeric + [feature.name for feature in self.categorical] + [feature.name for feature in self.embeddings]

    @cached_property
    def column_names(self) -> list[str]:
        """What has bins or categories of its own: numeric columns, then categorical ones."""
        return [feature.name for feature in self.numeric] + [feature.name for feature in self.categorical]

    @cached_property
    def column_of(self) -> Mapping[str, int]:
        """Numbers and derived features: the numeric column that tells whether a row has a value of the feature.

        It is the feature's own, or the first that is derived from it.
        """
        columns = {feature.name: index for index, feature in enumerate(self.numbers)}
        at = len(columns)
        for feature in self.derived:
            columns[feature.name] = at
            at += len(feature.columns)
        return columns

    @cached_property
    def telling_columns(self) -> NDArray[np.intp]:
        """The values of `column_of`, in the order of the features."""
        return np.array(list(self.column_of.values()), dtype=np.intp)

    @property
    def score_bins(self) -> int:
        """Bins of the score, without the last one, which holds predictions that have no finite score."""
        return len(self.score_edges) + 1

    @cached_property
    def class_index(self) -> Mapping[str, int]:
        return {name: index for index, name in enumerate(self.classes)}

    @property
    def unknown_class(self) -> int:
        """The index of a class that the layout does not name: binary, the negative one; multiclass, OTHER."""
        return 0 if self.task is not Task.MULTICLASS else len(self.classes) - 1

    @cached_property
    def category_index(self) -> list[Mapping[str, int]]:
        return [{name: index for index, name in enumerate(f.categories)} for f in self.categorical]

    @cached_property
    def unfamiliar(self) -> NDArray[np.bool_]:
        """[G, C] the columns of `FeatureCounts.categories` that count other values than the known ones."""
        width = 1 + max((feature.places for feature in self.categorical), default=0)
        known = np.array([len(feature.categories) for feature in self.categorical])
        return np.arange(width) >= known[:, None]

    @cached_property
    def grid(self) -> Grid:
        """The bins of the numeric columns."""
        return Grid.of(self.numeric)

    @cached_property
    def latent_grid(self) -> Grid:
        """The bins of the latent columns."""
        return Grid.of(self.latent)

    @property
    def centres(self) -> FloatArray:
        """[F, BINS] the value that a bin's offsets are measured from."""
        return self.grid.centres

    @property
    def quanta(self) -> FloatArray:
        """[F, BINS] the size of one offset step, in the feature's unit."""
        return self.grid.quanta

    @property
    def edge_arrays(self) -> list[FloatArray]:
        return self.grid.edges

    @property
    def scales(self) -> FloatArray:
        """[F] the divisor of each feature's distance."""
        return self.grid.scales

    @property
    def largest_error(self) -> float:
        """Regression: errors further out than this count as that far.

        Sums of errors are floats. One absurd label, later corrected, must not leave the rounding of its square behind
        as a finding, so an error counts for at most ten thousand times the range of the reference's predictions.
        Without a reference there is no scale, and the bound is merely where a square is still a number.
        """
        if len(self.score_edges) < 2:
            return 1e150
        return min(1e4 * (self.score_edges[-1] - self.score_edges[0]), 1e150)

    @cached_property
    def confident_bins(self) -> NDArray[np.bool_]:
        """[score_bins + 1] True where the probability of the predicted class reaches the confident threshold."""
        edges = np.array(self.score_edges)
        lower = np.append(np.concatenate([[-np.inf], edges]), np.nan)
        upper = np.append(np.concatenate([edges, [np.inf]]), np.nan)
        confident = lower >= self.confident
        if self.task is Task.BINARY:
            confident |= upper <= _first_unsure(self.confident)
        return confident


def _grid(feature: NumericFeature) -> tuple[FloatArray, FloatArray]:
    """Centre and quantum of each bin, padded to BINS; the open end bins measure from their only edge, in sds."""
    edges = np.array(feature.edges)
    centres, quanta = np.zeros(BINS), np.ones(BINS)
    inner = slice(1, edges.size)
    # Divided before they are subtracted: the width of a bin between the smallest and the largest double is none.
    quanta[inner] = np.diff(edges / _OFFSET_STEPS)
    centres[inner] = edges[:-1] + quanta[inner] * (_OFFSET_STEPS / 2)
    for bin_, edge in ((0, edges[0]), (edges.size, edges[-1])):
        centres[bin_] = edge
        quanta[bin_] = feature.scale / _OFFSET_STEPS
    # An atom at zero is 5e-324 wide, and a 4096th of that would be a quantum of zero.
    return centres, np.maximum(quanta, np.finfo(np.float64).tiny)


def numeric_feature(name: str, numbers: Numbers) -> NumericFeature:
    """Bins of a numeric feature from reference values; non-finite ones take no part.

    The mean and sd are winsorised at the 0.1 % and 99.9 % quantiles, so that one outlier does not hide every shift.
    """
    values = np.sort(numbers.finite())
    if not values.size:
        return NumericFeature(name, [0.0], 0.0, 0.0, 0.0, 0.0)
    # In units of a power of two, which costs no digit: squares of the largest doubles would be infinite.
    unit = 2.0 ** (int(np.frexp(np.abs(values[[0, -1]]).max())[1]) - 1)
    low, high = np.quantile(values / unit, (0.001, 0.999))
    winsorised = np.clip(values / unit, low, high)
    facts = np.array([winsorised.mean(), winsorised.std(), low, high]) * unit
    return NumericFeature(name, equal_mass_edges(values, BINS).tolist(), *facts.tolist())


def categorical_feature(name: str, values: Column) -> CategoricalFeature:
    """The most frequent categories of the reference, ties broken by name so that the layout is reproducible."""
    names, counts = np.unique(
        np.array([c for c in categories_of(values) if c is not None], dtype=object), return_counts=True
    )
    order = np.lexsort((names.astype(str), -counts))[:MOST_CATEGORIES]
    return CategoricalFeature(name, [str(names[i]) for i in order], TAIL_BUCKETS if names.size > order.size else 0)


def build_layout(
    task: Task,
    features: Mapping[str, Column],
    *,
    scores: FloatArray,
    classes: Sequence[str],
    threshold: float,
    confident: float,
    derived: Sequence[tuple[Derivation, Sequence[Numbers]]] = (),
) -> Layout:
    """The layout that a sample of reference rows gives.

    `features`: name -> values in row order; `derived`: the columns of those that are neither numbers nor categories.
    `scores`: finite scores (regression: finite predicted values).
    `classes`: binary (negative, positive); multiclass every class seen, of which the first MOST_CLASSES are kept;
    regression none.
    """
    columns = {name: parse_numbers(values) for name, values in features.items() if is_numeric(values)}
    projections: dict[str, Numbers] = {}
    for feature, found in derived:
        (projections if isinstance(feature, Embedding) else columns).update(zip(feature.columns, found, strict=True))
    numeric, latent = ([numeric_feature(*column) for column in kind.items()] for kind in (columns, projections))
    standards = [Standard(one.mean, one.sd, one.low, one.high) for one in numeric]
    multivariate = learn_multivariate(standards, list(columns.values()))
    if multivariate is not None:
        latent.append(numeric_feature(RECONSTRUCTION_ERROR, multivariate.errors(list(columns.values()))[0]))
    categorical = [categorical_feature(n, v) for n, v in features.items() if not is_numeric(v)]
    edges = score_edges(task, scores, threshold=threshold, confident=confident).tolist()
    return Layout(
        task,
        numeric,
        categorical,
        _classes(task, classes),
        edges,
        threshold,
        confident,
        derived=[feature for feature, _ in derived if isinstance(feature, DerivedFeature)],
        embeddings=[feature for feature, _ in derived if isinstance(feature, Embedding)],
        latent=latent,
        multivariate=multivariate,
    )


def default_layout(task: Task, *, positive_label: str, threshold: float, confident: float) -> Layout:
    """The layout of a version that has no reference yet: no features, and evenly spaced score bins."""
    return build_layout(
        task, {}, scores=np.array([]), classes=["0", positive_label], threshold=threshold, confident=confident
    )


def _classes(task: Task, seen: Sequence[str]) -> list[str]:
    if task is Task.BINARY:
        negative, positive = seen
        return [negative, positive]
    return [OTHER] if task is Task.REGRESSION else [*list(seen)[:MOST_CLASSES], OTHER]


def score_edges(task: Task, scores: FloatArray, *, threshold: float, confident: float) -> FloatArray:
    """Equal-mass edges of the scores; a probability's also hold the decision and the confident threshold."""
    if task is Task.REGRESSION:
        return equal_mass_edges(np.sort(scores), BINS) if scores.size else np.array([0.0])
    inside = equal_mass_edges(np.sort(scores), BINS) if scores.size else np.linspace(0, 1, BINS + 1)[1:-1]
    exact = [threshold, confident]
    if task is Task.BINARY:
        exact.append(_first_unsure(confident))
    return np.unique(np.concatenate([inside, exact]))


def _first_unsure(confident: float) -> float:
    """The lowest score at which class 0 is not certain enough: 1 - score rounds, and a score of .1 leaves .9."""
    sure, unsure = 1 - confident, 1 - confident + 2**-52
    while sure < (middle := (sure + unsure) / 2) < unsure:
        sure, unsure = (middle, unsure) if 1 - middle >= confident else (sure, middle)
    return unsure
