"""How far the features of a window are from a baseline: one distance for numbers, one for categories."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from app.core.case import ENOUGH_ROWS, BoolArray
from app.core.layout import Layout
from app.core.profile import FeatureCounts, FloatArray, IntArray
from app.core.stats.distances import jensen_shannon, normed_wasserstein


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


KINDS: tuple[Distance, ...] = (_Numeric(), _Categorical())


def enough_rows(rows: IntArray) -> BoolArray:
    """Where there are values enough to compare distributions."""
    return np.asarray(rows >= ENOUGH_ROWS)
