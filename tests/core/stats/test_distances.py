from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats
from scipy.spatial import distance as scipy_distance

from app.core.stats.arrays import Floats
from app.core.stats.distances import (
    hellinger,
    jensen_shannon,
    kolmogorov_smirnov,
    merge_bins,
    normed_wasserstein,
    population_stability_index,
    total_variation,
)
from app.core.stats.quantiles import equal_mass_edges
from tests.core.stats.binned import counts_and_means

Distance = Callable[[Floats, Floats], Floats]
Binned = tuple[Floats, Floats]

COUNT_DISTANCES = [kolmogorov_smirnov, jensen_shannon, population_stability_index, total_variation, hellinger]
every_count_distance = pytest.mark.parametrize("distance", COUNT_DISTANCES)
ONE = np.ones(())


@st.composite
def two_binned_sides(draw: st.DrawFn) -> tuple[Binned, Binned]:
    """Two sides over the same 1 to 12 bins, some empty; each side's means lie anywhere inside its bins."""
    bins = draw(st.integers(1, 12))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    lower = np.cumsum(rng.uniform(0.1, 3, bins))
    width = np.diff(lower, append=lower[-1] + 1)
    counts, base_counts = (rng.integers(0, 5, bins).astype(float) for _ in range(2))
    counts[rng.integers(bins)] += 1
    base_counts[rng.integers(bins)] += 1
    means, base_means = (
        np.where(side > 0, lower + width * rng.uniform(0, 1, bins), np.nan) for side in (counts, base_counts)
    )
    return (counts, means), (base_counts, base_means)


@settings(max_examples=150, deadline=None)
@given(two_binned_sides(), st.floats(0.1, 10))
def test_wasserstein_is_scipys_on_the_same_weighted_points(sides: tuple[Binned, Binned], scale: float) -> None:
    (counts, means), (base_counts, base_means) = sides
    here, there = counts > 0, base_counts > 0
    oracle = stats.wasserstein_distance(means[here], base_means[there], counts[here], base_counts[there]) / scale
    ours = normed_wasserstein(counts, means, base_counts, base_means, np.array(scale))
    assert_allclose(ours, oracle, rtol=1e-9, atol=1e-12)
    assert_allclose(normed_wasserstein(base_counts, base_means, counts, means, np.array(scale)), ours, atol=1e-12)


# Typical errors from statistics.md section 1, at 128 bins. The worst of these 20 is up to 4 times that for the heavy
# tails, all of it from where 5,000 rows happen to fall inside the last, open bin.
@pytest.mark.parametrize(("sigma", "typical"), [(0.0, 0.002), (1.0, 0.002), (2.0, 0.007)])
def test_wasserstein_from_bins_is_close_to_scipys_on_raw_values(sigma: float, typical: float) -> None:
    errors = [_error_of_binning(sigma, shift, seed) for shift in (0.0, 0.1, 0.5, 1.0) for seed in range(5)]
    assert np.median(errors) <= typical
    assert max(errors) <= 4 * typical


def _error_of_binning(sigma: float, shift: float, seed: int) -> float:
    """How far the distance from bins is from scipy's on rows of a lognormal (sigma 0: normal) moved by ``shift`` sd."""
    rng = np.random.default_rng(seed)
    reference, values = rng.normal(0, 1, 20_000), rng.normal(shift, 1, 5_000)
    if sigma:
        reference, values = np.exp(sigma * reference), np.exp(sigma * values)
    edges = equal_mass_edges(np.sort(reference))
    sd = np.clip(reference, *np.quantile(reference, [0.001, 0.999])).std()
    ours = normed_wasserstein(*counts_and_means(values, edges), *counts_and_means(reference, edges), sd)
    return float(abs(ours - stats.wasserstein_distance(values, reference) / sd))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 32))
def test_wasserstein_errs_by_no_more_than_the_values_lie_from_their_bin_means(seed: int, bins: int) -> None:
    rng = np.random.default_rng(seed)
    sides = rng.normal(size=300), rng.normal(0.3, 1.2, size=200)
    edges = equal_mass_edges(np.sort(sides[0]), bins)
    binned = [counts_and_means(side, edges) for side in sides]
    # By the triangle inequality: moving each value to its bin's mean is a transport plan of that cost.
    bound = sum(
        np.abs(side - means[np.searchsorted(edges, side, side="right")]).mean()
        for side, (_, means) in zip(sides, binned, strict=True)
    )
    ours = normed_wasserstein(*binned[0], *binned[1], ONE)
    assert abs(ours - stats.wasserstein_distance(*sides)) <= bound + 1e-12


def test_wasserstein_of_a_translation_is_its_length_in_units_of_scale() -> None:
    counts, means = np.array([3.0, 0, 5, 2]), np.array([0.0, np.nan, 2, 3])
    for shift in (0.0, 0.25, 0.5):
        assert_allclose(normed_wasserstein(counts, means + shift, counts, means, np.array(2.0)), shift / 2, atol=1e-15)


def test_wasserstein_sees_a_shift_inside_one_bin_that_counts_cannot_see() -> None:
    counts = np.array([10.0, 10])
    moved = normed_wasserstein(counts, np.array([0.0, 1.9]), counts, np.array([0.0, 1.1]), ONE)
    assert_allclose(moved, 0.4)  # by hand: half of the mass moves by 0.8
    assert total_variation(counts, counts) == 0


def test_wasserstein_ignores_empty_bins_wherever_they_are_and_whatever_their_mean_says() -> None:
    plain = normed_wasserstein([1, 3], [0, 1], [2, 2], [0.5, 1], ONE)
    counts, base_counts = np.array([0.0, 1, 0, 3, 0, 0]), np.array([0.0, 2, 0, 2, 0, 0])
    for junk in (np.nan, 0.0, -1e300, np.inf):
        means, base_means = np.array([junk, 0, junk, 1, junk, junk]), np.array([junk, 0.5, junk, 1, junk, junk])
        assert_allclose(normed_wasserstein(counts, means, base_counts, base_means, ONE), plain)


def test_wasserstein_of_a_constant_reference_is_zero_for_the_same_constant_and_infinite_for_any_other() -> None:
    counts, means = np.array([0.0, 9, 0]), np.array([np.nan, 0.1, np.nan])
    zero = np.zeros(())
    summed = np.array([np.nan, np.cumsum([0.1] * 9)[-1] / 9, np.nan])
    assert summed[1] != means[1], "the case needs a mean that rounding has moved"
    assert normed_wasserstein(counts, summed, counts, means, zero) == 0
    assert normed_wasserstein(counts, summed, counts, means, np.array(1e-17)) == 0, "an sd of 1e-17 is rounding"
    assert np.isposinf(normed_wasserstein(np.array([0.0, 9, 1]), np.array([np.nan, 0.1, 0.2]), counts, means, zero))
    assert np.isposinf(normed_wasserstein(counts, means + 1e-3, counts, means, zero))


def test_wasserstein_broadcasts_windows_and_features_against_one_reference() -> None:
    rng = np.random.default_rng(1)
    counts, means = rng.integers(1, 9, (5, 3, 8)), np.sort(rng.normal(size=(5, 3, 8)))
    base_counts, base_means, scale = rng.integers(1, 9, (3, 8)), np.sort(rng.normal(size=(3, 8))), np.array([1.0, 2, 3])
    together = normed_wasserstein(counts, means, base_counts, base_means, scale)
    assert together.shape == (5, 3)
    alone = normed_wasserstein(counts[4, 2], means[4, 2], base_counts[2], base_means[2], scale[2])
    assert_allclose(together[4, 2], alone)
    nothing = np.empty((0, 8))
    assert normed_wasserstein(nothing, nothing, nothing, nothing, np.empty(0)).shape == (0,)


def test_a_side_without_rows_is_nan_for_every_distance() -> None:
    none, some, means = np.zeros(3), np.array([1, 2, 0]), np.arange(3.0)
    for scale in (np.zeros(()), ONE):
        assert np.isnan(normed_wasserstein(none, means, some, means, scale))
        assert np.isnan(normed_wasserstein(some, means, none, means, scale))
        assert np.isnan(normed_wasserstein(none, means * np.nan, none, means * np.nan, scale))
    for distance in COUNT_DISTANCES:
        assert np.isnan(distance(none, some))
        assert np.isnan(distance(some, none))


counts_lists = st.lists(st.integers(0, 50), min_size=2, max_size=30).filter(lambda counts: sum(counts) > 0)


@every_count_distance
@settings(max_examples=40, deadline=None)
@given(counts=counts_lists, seed=st.integers(0, 2**32))
def test_distances_are_zero_to_themselves_symmetric_and_blind_to_padding_and_size(
    distance: Distance, counts: list[int], seed: int
) -> None:
    here = np.array(counts)
    there = np.random.default_rng(seed).permutation(here)
    assert_allclose(distance(here, here), 0, atol=1e-7)
    assert_allclose(distance(here, 10 * here), 0, atol=1e-7)
    assert_allclose(distance(here, there), distance(there, here), atol=1e-12)
    assert_allclose(distance(np.append(here, [0, 0]), np.append(there, [0, 0])), distance(here, there), atol=1e-12)


@every_count_distance
def test_distances_grow_with_the_shift(distance: Distance) -> None:
    edges = np.linspace(-3, 3, 20)
    masses = np.diff(stats.norm.cdf(edges, loc=np.array([0.0, 0.2, 0.5, 1, 2])[:, None]), prepend=0, append=1)
    assert (np.diff(distance(masses, masses[0])) > 0).all()


@settings(max_examples=60, deadline=None)
@given(counts_lists, st.integers(0, 2**32))
def test_jensen_shannon_is_scipys(counts: list[int], seed: int) -> None:
    here = np.array(counts)
    there = np.random.default_rng(seed).permutation(here)
    assert_allclose(jensen_shannon(here, there), scipy_distance.jensenshannon(here, there, base=2), atol=1e-7)


def test_distances_of_distributions_that_share_no_bin_are_one() -> None:
    here, there = np.array([3, 4, 0, 0]), np.array([0, 0, 1, 8])
    for distance in (kolmogorov_smirnov, jensen_shannon, total_variation, hellinger):
        assert_allclose(distance(here, there), 1)


@settings(max_examples=60, deadline=None)
@given(counts_lists, st.integers(0, 2**32))
def test_hellinger_bounds_total_variation(counts: list[int], seed: int) -> None:
    here = np.array(counts)
    there = np.random.default_rng(seed).permutation(here)
    h, tv = hellinger(here, there), total_variation(here, there)
    # Le Cam's inequality.
    assert h**2 - 1e-12 <= tv <= np.sqrt(2) * h + 1e-12


def test_total_variation_and_hellinger_by_hand() -> None:
    here, there = np.array([1, 1]), np.array([1, 3])
    assert_allclose(total_variation(here, there), 0.25)
    # 1 - H^2 is the Bhattacharyya coefficient, sqrt(1/8) + sqrt(3/8).
    assert_allclose(1 - hellinger(here, there) ** 2, np.sqrt(1 / 8) + np.sqrt(3 / 8))


def test_population_stability_index_by_hand_and_finite_where_a_bin_is_lost() -> None:
    assert_allclose(population_stability_index(np.array([1, 1]), np.array([1, 3])), 0.25 * np.log(3))
    lost = population_stability_index(np.array([10, 0]), np.array([5, 5]))
    assert_allclose(lost, 0.5 * np.log(2) + (0.5 - 1e-4) * np.log(0.5 / 1e-4))


def test_population_stability_index_without_drift_is_its_known_bias() -> None:
    rng = np.random.default_rng(3)
    bins, rows, base_rows = 20, 1_000, 4_000
    drawn = [rng.multinomial(n, np.full(bins, 1 / bins), size=4_000) for n in (rows, base_rows)]
    # (K - 1)(1/n + 1/m), statistics.md section 1; the mean of 4,000 draws is within 3 % of it (sd of one draw is 1/3).
    assert_allclose(population_stability_index(*drawn).mean(), (bins - 1) * (1 / rows + 1 / base_rows), rtol=0.03)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.booleans())
def test_kolmogorov_smirnov_from_bins_bounds_the_statistic_on_raw_values(seed: int, discrete: bool) -> None:
    rng = np.random.default_rng(seed)
    sides = [rng.normal(shift, 1, 400) for shift in (0, 0.3)]
    sides = [np.round(side * 2) for side in sides] if discrete else sides
    edges = equal_mass_edges(np.sort(sides[0]), 64)
    counts = [counts_and_means(side, edges)[0] for side in sides]
    raw, ours = stats.ks_2samp(*sides).statistic, kolmogorov_smirnov(*counts)
    bins = np.searchsorted(edges, np.concatenate(sides), side="right")
    several = [np.unique(np.concatenate(sides)[bins == bin_]).size > 1 for bin_ in range(edges.size + 1)]
    slack = max(side[several].max(initial=0) / side.sum() for side in counts)
    assert ours - 1e-12 <= raw <= ours + slack + 1e-12


def test_kolmogorov_smirnov_is_exact_for_levels_that_have_their_own_bins() -> None:
    rng = np.random.default_rng(5)
    reference, window = rng.poisson(3, 5_000).astype(float), rng.poisson(3.4, 500).astype(float)
    edges = equal_mass_edges(np.sort(reference), 4_096)
    ours = kolmogorov_smirnov(counts_and_means(window, edges)[0], counts_and_means(reference, edges)[0])
    assert_allclose(ours, stats.ks_2samp(window, reference).statistic)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 25), st.integers(1, 140))
def test_merged_bins_are_neighbours_of_about_equal_base_mass(seed: int, most: int, bins: int) -> None:
    rng = np.random.default_rng(seed)
    counts, base_counts = rng.integers(0, 9, (4, bins)), rng.integers(0, 9, bins)
    merged, base_merged = merge_bins(counts, base_counts, most)
    assert merged.shape == base_merged.shape == (4, min(most, bins))
    # Neighbours only: what stands at or below a group's end is what stood at or below some bin's end.
    for row in range(4):
        pairs = {(0, 0), *zip(np.cumsum(counts[row]).tolist(), np.cumsum(base_counts).tolist(), strict=True)}
        ends = zip(np.cumsum(merged[row]).tolist(), np.cumsum(base_merged[row]).tolist(), strict=True)
        assert set(ends) <= pairs
    if bins > most:
        assert base_merged.max() <= base_counts.sum() / most + base_counts.max()
    assert_allclose(merged.sum(axis=-1), counts.sum(axis=-1))


def test_merging_keeps_a_heavy_bin_apart_and_leaves_few_bins_alone() -> None:
    base = np.array([1.0] * 30 + [70] + [1] * 30)
    _, merged = merge_bins(base, base, 10)
    assert merged.max() == 70
    few = np.array([1.0, 2, 3])
    assert_allclose(merge_bins(few, few)[0], few)
    with pytest.raises(ValueError, match="most == 0, must be at least 1"):
        merge_bins(few, few, 0)
