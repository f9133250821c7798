"""How far the features of a window are from a baseline: one distance for each kind of feature."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from app.core.case import ENOUGH_ROWS, BoolArray
from app.core.layout import BINS, Grid, Layout
from app.core.profile import FeatureCounts, FloatArray, IntArray
from app.core.stats.distances import jensen_shannon, normed_wasserstein
from app.core.stats.projections import PROJECTIONS

Outlines: TypeAlias = NDArray[np.floating[Any]]
_Number = TypeVar("_Number", bound=np.generic)


class Distance(Protocol):
    """A distance between feature distributions; S is the number of features of its kind."""

    statistic: str

    def names(self, layout: Layout) -> list[str]:
        """[S] the features it is for."""
        ...

    def rows(self, features: FeatureCounts) -> IntArray:
        """[..., S] values that have a place in the bins."""
        ...

    def between(self, layout: Layout, features: FeatureCounts, baseline: FeatureCounts) -> FloatArray:
        """[W, S] distance of each stacked window from one baseline."""
        ...

    def leave_one_out(self, layout: Layout, features: FeatureCounts) -> FloatArray:
        """[R, S] distance of each stacked window from the sum of the others."""
        ...

    def pool(self, features: FeatureCounts, kept: BoolArray) -> FeatureCounts:
        """The sum of stacked windows; for its own features, of those windows alone that `kept` [W, S] has."""
        ...

    def outlines(self, layout: Layout, features: FeatureCounts) -> Outlines:
        """[W, S, B] a window as a vector that pools: the outline of a sum is the mean of outlines, weighted by rows."""
        ...

    def roughly(self, outlines: Outlines, other: Outlines) -> FloatArray:
        """[..., S] what `between` would give, from outlines alone: quick, and good enough to choose windows by."""
        ...


class _Numeric:
    statistic = "normed_wasserstein"

    def names(self, layout: Layout) -> list[str]:
        return [feature.name for feature in layout.numeric]

    def rows(self, features: FeatureCounts) -> IntArray:
        return np.asarray(features.numeric.sum(axis=-1))

    def between(self, layout: Layout, features: FeatureCounts, baseline: FeatureCounts) -> FloatArray:
        return self._distance(layout, features.numeric, features.offsets, baseline.numeric, baseline.offsets)

    def leave_one_out(self, layout: Layout, features: FeatureCounts) -> FloatArray:
        # Integer sums: taking a part out of the total leaves exactly the sum of the others.
        others = features.numeric.sum(axis=0) - features.numeric
        other_offsets = features.offsets.sum(axis=0) - features.offsets
        return self._distance(layout, features.numeric, features.offsets, others, other_offsets)

    def pool(self, features: FeatureCounts, kept: BoolArray) -> FeatureCounts:
        total = features.sum()
        numeric, offsets = _less(total.numeric, features.numeric, kept), _less(total.offsets, features.offsets, kept)
        return replace(total, numeric=numeric, offsets=offsets)

    def outlines(self, layout: Layout, features: FeatureCounts) -> Outlines:
        return _steps(layout.grid, features.numeric)

    def roughly(self, outlines: Outlines, other: Outlines) -> FloatArray:
        return np.asarray(np.abs(outlines - other).sum(axis=-1))

    @staticmethod
    def _distance(
        layout: Layout, counts: IntArray, offsets: IntArray, base: IntArray, base_offsets: IntArray
    ) -> FloatArray:
        grid = layout.grid
        return normed_wasserstein(
            counts, grid.means(counts, offsets), base, grid.means(base, base_offsets), grid.scales
        )


class _Categorical:
    statistic = "jensen_shannon"

    def names(self, layout: Layout) -> list[str]:
        return [feature.name for feature in layout.categorical]

    def rows(self, features: FeatureCounts) -> IntArray:
        return np.asarray(features.categories.sum(axis=-1))

    def between(self, layout: Layout, features: FeatureCounts, baseline: FeatureCounts) -> FloatArray:
        return jensen_shannon(features.categories, baseline.categories)

    def leave_one_out(self, layout: Layout, features: FeatureCounts) -> FloatArray:
        return jensen_shannon(features.categories, features.categories.sum(axis=0) - features.categories)

    def pool(self, features: FeatureCounts, kept: BoolArray) -> FeatureCounts:
        total = features.sum()
        return replace(total, categories=_less(total.categories, features.categories, kept))

    def outlines(self, layout: Layout, features: FeatureCounts) -> Outlines:
        return _shares(features.categories)

    def roughly(self, outlines: Outlines, other: Outlines) -> FloatArray:
        return jensen_shannon(outlines, other)


class _Embedding:
    """The mean over an embedding's projections of their normed Wasserstein distances."""

    statistic = "sliced_wasserstein"

    def names(self, layout: Layout) -> list[str]:
        return [feature.name for feature in layout.embeddings]

    def rows(self, features: FeatureCounts) -> IntArray:
        return np.asarray(_projections(features.latent)[..., ::PROJECTIONS, :].sum(axis=-1))

    def between(self, layout: Layout, features: FeatureCounts, baseline: FeatureCounts) -> FloatArray:
        counts, offsets = features.latent, features.latent_offsets
        return self._distance(layout, counts, offsets, baseline.latent, baseline.latent_offsets)

    def leave_one_out(self, layout: Layout, features: FeatureCounts) -> FloatArray:
        counts, offsets = features.latent, features.latent_offsets
        others, other_offsets = counts.sum(axis=0) - counts, offsets.sum(axis=0) - offsets
        return self._distance(layout, counts, offsets, others, other_offsets)

    def pool(self, features: FeatureCounts, kept: BoolArray) -> FeatureCounts:
        total = features.sum()
        latent, offsets = total.latent.copy(), total.latent_offsets.copy()
        each = np.repeat(kept, PROJECTIONS, axis=1)
        own = slice(each.shape[1])
        latent[own] = _less(total.latent[own], features.latent[:, own], each)
        offsets[own] = _less(total.latent_offsets[own], features.latent_offsets[:, own], each)
        return replace(total, latent=latent, latent_offsets=offsets)

    def outlines(self, layout: Layout, features: FeatureCounts) -> Outlines:
        steps = _projections(_steps(layout.latent_grid, features.latent))
        return steps.reshape(*steps.shape[:-2], len(layout.embeddings), PROJECTIONS * BINS)

    def roughly(self, outlines: Outlines, other: Outlines) -> FloatArray:
        return np.asarray(np.abs(outlines - other).sum(axis=-1) / PROJECTIONS)

    @staticmethod
    def _distance(
        layout: Layout, counts: IntArray, offsets: IntArray, base: IntArray, base_offsets: IntArray
    ) -> FloatArray:
        grid = layout.latent_grid
        means, base_means = grid.means(counts, offsets), grid.means(base, base_offsets)
        apart = normed_wasserstein(counts, means, base, base_means, grid.scales)
        apart = _projections(apart[..., None])[..., 0]
        return np.asarray(apart.reshape(*apart.shape[:-1], len(layout.embeddings), PROJECTIONS).mean(axis=-1))


def _projections(latent: NDArray[_Number]) -> NDArray[_Number]:
    """[..., E * PROJECTIONS, B] of the latent columns those that are projections of embeddings."""
    return latent[..., : latent.shape[-2] // PROJECTIONS * PROJECTIONS, :]


def _steps(grid: Grid, counts: IntArray) -> Outlines:
    """[..., C, BINS] both sides' mass at the centres of the bins: distribution functions, steps as wide as in sds."""
    centres = grid.centres / grid.scales[:, None]
    widths = np.diff(centres, axis=-1, append=centres[:, -1:])
    filled = np.arange(BINS) < np.array([edges.size for edges in grid.edges])[:, None]
    # Single precision is plenty to choose by, and half of the memory to go through.
    shares = _shares(counts).astype(np.float32)
    return np.asarray(np.cumsum(shares, axis=-1) * np.where(filled, widths, 0.0).astype(np.float32))


def _less(total: IntArray, parts: IntArray, kept: BoolArray) -> IntArray:
    """[S, B] the total without what is not kept of its parts [W, S, B]: few leave, so taking them away is quickest."""
    rest = total.copy()
    window, subject = np.nonzero(~kept)
    np.subtract.at(rest, subject, parts[window, subject])
    return rest


def _shares(counts: IntArray) -> FloatArray:
    """[..., B] shares of the rows; zeros where there are none."""
    return np.asarray(counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1))


KINDS: tuple[Distance, ...] = (_Numeric(), _Categorical(), _Embedding())
DISTANCES = frozenset(kind.statistic for kind in KINDS)


def enough_rows(rows: IntArray) -> BoolArray:
    """Where there are values enough to compare distributions."""
    return np.asarray(rows >= ENOUGH_ROWS)
