"""How far the features of a window are from a baseline: one distance for numbers, one for categories."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.core.case import ENOUGH_ROWS, BoolArray
from app.core.layout import BINS, Layout
from app.core.profile import FeatureCounts, FloatArray, IntArray
from app.core.stats.distances import jensen_shannon, normed_wasserstein

Outlines: TypeAlias = NDArray[np.floating[Any]]


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
        # Both sides' mass at the centres of the bins: distribution functions, each step as wide as it is in sds.
        centres = layout.centres / layout.scales[:, None]
        widths = np.diff(centres, axis=-1, append=centres[:, -1:])
        filled = np.arange(BINS) < np.array([edges.size for edges in layout.edge_arrays])[:, None]
        # Single precision is plenty to choose by, and half of the memory to go through.
        shares = _shares(features.numeric).astype(np.float32)
        return np.asarray(np.cumsum(shares, axis=-1) * np.where(filled, widths, 0.0).astype(np.float32))

    def roughly(self, outlines: Outlines, other: Outlines) -> FloatArray:
        return np.asarray(np.abs(outlines - other).sum(axis=-1))

    @staticmethod
    def _distance(
        layout: Layout, counts: IntArray, offsets: IntArray, base: IntArray, base_offsets: IntArray
    ) -> FloatArray:
        means = layout.centres + layout.quanta * offsets / np.maximum(counts, 1)
        base_means = layout.centres + layout.quanta * base_offsets / np.maximum(base, 1)
        return normed_wasserstein(counts, means, base, base_means, layout.scales)


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


def _less(total: IntArray, parts: IntArray, kept: BoolArray) -> IntArray:
    """[S, B] the total without what is not kept of its parts [W, S, B]: few leave, so taking them away is quickest."""
    rest = total.copy()
    window, subject = np.nonzero(~kept)
    np.subtract.at(rest, subject, parts[window, subject])
    return rest


def _shares(counts: IntArray) -> FloatArray:
    """[..., B] shares of the rows; zeros where there are none."""
    return np.asarray(counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1))


KINDS: tuple[Distance, ...] = (_Numeric(), _Categorical())


def enough_rows(rows: IntArray) -> BoolArray:
    """Where there are values enough to compare distributions."""
    return np.asarray(rows >= ENOUGH_ROWS)
