"""The whole way from raw values to a distance, against scipy on the raw values themselves."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial.distance import jensenshannon

from app.core.columns import Column
from app.core.distances import KINDS, Distance
from app.core.fold import Rows, Truth, fold_whole
from app.core.layout import OTHER, Layout, build_layout
from app.core.model import Task
from app.core.profile import FeatureCounts
from app.core.stats.distances import kolmogorov_smirnov

Floats = NDArray[np.float64]


def layout_of(values: Column) -> Layout:
    return build_layout(Task.REGRESSION, {"x": values}, scores=np.array([]), classes=[], threshold=0.5, confident=0.9)


def counts_of(layout: Layout, values: Column) -> FeatureCounts:
    n = len(values)
    nothing = np.full(n, np.nan)
    rows = Rows(np.zeros(n, np.int64), [None] * n, nothing, nothing, nothing, Truth.unknown(n), {"x": values})
    return fold_whole(layout, rows).features


def distance(kind: Distance, layout: Layout, served: FeatureCounts, reference: FeatureCounts) -> float:
    value: float = kind.between(layout, FeatureCounts.stack([served]), reference)[0, 0]
    return value


def spread_within_bins(layout: Layout, values: Floats) -> float:
    """Mean distance of values from the mean of their bin, which is what binning can cost, in scales of the feature.

    It is a transport plan's cost, so by the triangle inequality the distance of the bins' means is no further from
    that of the values than the plans of both sides together.
    """
    bins = np.searchsorted(layout.edge_arrays[0], values, side="right")
    means = np.bincount(bins, values) / np.maximum(np.bincount(bins), 1)
    return float(np.abs(values - means[bins]).mean() / layout.scales[0])


def rounding(layout: Layout) -> float:
    """What the rounding of offsets may cost on each side, in scales: half a step of the widest bin."""
    return float(layout.quanta[0].max() / 2 / layout.scales[0])


@st.composite
def columns(draw: st.DrawFn) -> Floats:
    """Ties, constants, heavy tails, one row, huge and tiny units."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n = draw(st.sampled_from([1, 2, 40, 700]))
    shape = draw(st.sampled_from(["normal", "integers", "constant", "cauchy", "lognormal", "spike"]))
    values = {
        "normal": rng.normal(size=n),
        "integers": rng.integers(0, 6, n).astype(float),
        "constant": np.full(n, rng.normal()),
        "cauchy": np.clip(rng.standard_cauchy(n), -1e6, 1e6),
        "lognormal": np.exp(2 * rng.normal(size=n)),
        "spike": np.where(rng.uniform(size=n) < 0.6, 0.0, rng.normal(size=n)),
    }[shape]
    return np.asarray(values * draw(st.sampled_from([1e-6, 1.0, 1e9])) + draw(st.sampled_from([0.0, 3.0])))


@settings(max_examples=150, deadline=None)
@given(columns(), columns(), st.integers(0, 5))
def test_of_numbers_it_is_scipys_within_what_binning_costs(reference: Floats, served: Floats, holes: int) -> None:
    layout = layout_of(reference)
    numeric = KINDS[0]
    with_holes = [*served.tolist(), *[None] * holes, *["NaN", "Infinity", "-Infinity"][:holes]]
    ours = distance(numeric, layout, counts_of(layout, with_holes), counts_of(layout, reference))
    # Values that are missing, NaN or infinite are measured apart, and take no part in the distance.
    scale = float(layout.scales[0])
    oracle = stats.wasserstein_distance(served, reference) / scale
    far = np.abs(served - reference.mean()).max() / scale > 1e8  # beyond, offsets count as that far
    bound = spread_within_bins(layout, served) + spread_within_bins(layout, reference) + 2 * rounding(layout)
    if not far:
        assert abs(ours - oracle) <= bound + 1e-6 * (1 + oracle)
    itself = counts_of(layout, served)
    assert distance(numeric, layout, itself, itself) == pytest.approx(0, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=60), st.lists(st.sampled_from("abcxyz"), min_size=1))
def test_of_categories_it_is_scipys_with_all_unseen_ones_together(reference: list[str], served: list[str]) -> None:
    layout = layout_of(reference)
    ours = distance(KINDS[1], layout, counts_of(layout, served), counts_of(layout, [*reference, None]))
    known = sorted(set(reference))
    now = Counter(name if name in known else OTHER for name in served)
    usual = Counter(reference)
    oracle = jensenshannon([now[c] for c in [*known, OTHER]], [usual[c] for c in [*known, OTHER]], base=2)
    assert ours == pytest.approx(oracle, abs=1e-7)


def test_nothing_to_compare_is_no_distance() -> None:
    layout = layout_of([1.0, 2.0, 3.0])
    nothing = counts_of(layout, [None, "NaN", "Infinity"])
    assert np.isnan(distance(KINDS[0], layout, nothing, counts_of(layout, [1.0, 2.0, 3.0])))


def test_the_stated_errors_hold_for_ten_million_rows() -> None:
    rng = np.random.default_rng(4)
    reference = np.exp(rng.standard_normal(200_000))
    served = np.exp(rng.standard_normal(10_000_000, dtype=np.float32).astype(np.float64) + 0.1)
    layout = layout_of(reference)
    now, usual = counts_of(layout, served), counts_of(layout, reference)
    assert now.numeric.sum() == served.size
    ours = distance(KINDS[0], layout, now, usual)
    # 40,000 quantiles of the ten million are those to about 1e-4, and scipy sorts them in no time.
    thinned = np.sort(served)[125::250]
    oracle = stats.wasserstein_distance(thinned, reference) / layout.scales[0]
    assert ours == pytest.approx(oracle, abs=0.002)  # statistics.md, section 1: lognormal, sigma 1
    ks = kolmogorov_smirnov(now.numeric[0], usual.numeric[0])
    assert stats.ks_2samp(thinned, reference).statistic == pytest.approx(ks, abs=0.0015)
