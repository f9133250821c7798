import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from app.core.stats.arrays import Floats
from app.core.stats.quantiles import equal_mass_edges, latency_edges, sample_quantile_from_histogram
from tests.core.stats.binned import counts_and_means

finite = st.floats(allow_nan=False, allow_infinity=False)
few_levels = st.sampled_from([-1.5, 0.0, 0.1, 1.0, 2.0, 3.0])


@settings(max_examples=150, deadline=None)
@given(st.lists(finite | few_levels, min_size=1, max_size=200), st.integers(2, 40))
def test_edges_ascend_strictly_and_are_no_more_than_the_bins_allow(values: list[float], bins: int) -> None:
    edges = equal_mass_edges(np.sort(values), bins)
    assert 1 <= edges.size <= bins - 1
    assert (edges[1:] > edges[:-1]).all()


@settings(max_examples=150, deadline=None)
@given(st.lists(few_levels | st.floats(-5, 5), min_size=1, max_size=200), st.integers(2, 40))
def test_a_value_with_a_bins_worth_of_mass_shares_its_bin_with_no_other_such_value(
    values: list[float], bins: int
) -> None:
    edges = equal_mass_edges(np.sort(values), bins)
    levels, counts = np.unique(values, return_counts=True)
    atoms = levels[counts * bins >= len(values)]
    assert np.unique(np.searchsorted(edges, atoms, side="right")).size == atoms.size


def test_discrete_values_get_bins_of_their_own_and_gaps_that_show_new_ones() -> None:
    edges = equal_mass_edges(np.repeat([1.0, 2.0, 5.0], [50, 30, 20]))
    assert_array_equal(edges, [1, np.nextafter(1, 2), 2, np.nextafter(2, 3), 5, np.nextafter(5, 6)])
    counts, _ = counts_and_means(np.array([0.0, 1, 1, 1.5, 2, 3, 5, 6]), edges)
    assert_array_equal(counts, [1, 2, 1, 1, 1, 1, 1])


def test_a_constant_has_a_bin_to_itself() -> None:
    assert_array_equal(equal_mass_edges(np.full(7, 3.0)), [3, np.nextafter(3, 4)])
    assert_array_equal(equal_mass_edges(np.array([3.0])), [3, np.nextafter(3, 4)])


def test_continuous_values_are_split_into_equal_masses() -> None:
    values = np.sort(np.random.default_rng(0).normal(size=12_800))
    counts, _ = counts_and_means(values, equal_mass_edges(values))
    assert_array_equal(counts, np.full(128, 100))


def test_a_heavy_value_among_continuous_ones_takes_its_bin_and_leaves_the_rest_equal() -> None:
    rng = np.random.default_rng(1)
    values = np.sort(np.concatenate((np.zeros(6_000), rng.exponential(size=4_000))))
    counts, means = counts_and_means(values, equal_mass_edges(values))
    zero = np.flatnonzero(means == 0)
    assert_array_equal(counts[zero], [6_000])
    rest = np.delete(counts, zero)
    assert rest[rest > 0].max() <= 1.05 * 4_000 / (rest > 0).sum()


def test_a_value_with_exactly_a_bins_worth_of_mass_is_heavy_enough() -> None:
    edges = equal_mass_edges(np.sort(np.append(np.arange(14.0), [6.5, 6.5])), 8)
    assert {6.5, np.nextafter(6.5, 7)} <= set(edges.tolist())


@pytest.mark.parametrize("levels", [60, 64, 90, 127, 128])
def test_as_many_equal_levels_as_bins_are_still_told_apart(levels: int) -> None:
    values = np.repeat(np.arange(levels, dtype=float), 10)
    counts, _ = counts_and_means(values, equal_mass_edges(values))
    assert_array_equal(counts[counts > 0], np.full(levels, 10))


def test_where_atoms_crowd_the_bins_those_with_the_most_between_them_keep_their_upper_edge() -> None:
    # Five atoms of 9 and, between the last two, 3 single values: 48 rows, so that at 8 bins an atom needs 6.
    values = np.sort(np.concatenate((np.repeat([0.0, 1, 2, 3, 4], 9), [3.2, 3.4, 3.6])))
    edges = equal_mass_edges(values, 8)
    assert edges.size == 7
    assert {0, 1, 2, 3, 4, np.nextafter(3, 4)} <= set(edges.tolist())


@pytest.mark.parametrize(
    ("values", "bins", "error"),
    [
        ([], 128, "sorted_values is empty"),
        ([1, 2, np.nan], 128, "1 values that are NaN or infinite"),
        ([1, np.inf], 128, "1 values that are NaN or infinite"),
        ([2, 1], 128, "must be in ascending order"),
        ([1, 2], 1, "bins == 1, must be at least 2"),
    ],
)
def test_values_that_have_no_quantiles_are_refused(values: list[float], bins: int, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        equal_mass_edges(values, bins)


def test_latency_bins_are_284_of_equal_ratio_from_a_tenth_of_a_millisecond_to_100_seconds() -> None:
    edges = latency_edges()
    assert edges.shape == (285,)
    assert (edges[0], edges[-1]) == (0.1, 100_000)
    # 10^6 in 284 equal steps.
    assert_allclose(edges[1:] / edges[:-1], 10 ** (6 / 284))
    assert 1.049 < edges[1] / edges[0] < 1.05


# statistics.md section 6: p50 to p99.9 within .4 %. Exact masses of a lognormal, so this is the error of binning alone.
@pytest.mark.parametrize(("median_ms", "sigma"), [(12, 0.5), (80, 0.9), (400, 0.3), (0.9, 0.2)])
def test_latency_quantiles_from_bins_are_close_to_the_true_ones(median_ms: float, sigma: float) -> None:
    latency, edges = stats.lognorm(sigma, scale=median_ms), latency_edges()
    for q in (0.5, 0.95, 0.99, 0.999):
        assert_allclose(
            sample_quantile_from_histogram(np.diff(latency.cdf(edges)), edges, q), latency.ppf(q), rtol=0.004
        )


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=12).filter(any), st.floats(0.01, 1))
def test_quantile_is_the_inverse_of_the_distribution_that_is_linear_in_each_bin(counts: list[int], q: float) -> None:
    edges = np.cumsum(np.arange(1.0, len(counts) + 2))
    value = sample_quantile_from_histogram(counts, edges, q)
    reached: Floats = np.interp(value, edges, np.concatenate(([0], np.cumsum(counts))) / sum(counts))
    assert_allclose(reached, q, atol=1e-12)


def test_quantile_steps_over_empty_bins_and_knows_nothing_of_an_empty_histogram() -> None:
    edges = np.array([0.0, 1, 2, 3])
    counts = np.array([[0, 4, 0], [2, 0, 2], [0, 0, 0]])
    assert_allclose(sample_quantile_from_histogram(counts, edges, 0.5), [1.5, 1, np.nan])
    assert_allclose(sample_quantile_from_histogram(counts, edges, 1.0), [2, 3, np.nan])


def test_quantile_refuses_what_has_no_answer() -> None:
    with pytest.raises(ValueError, match="q == 0, must be above 0"):
        sample_quantile_from_histogram([1, 2], [0, 1, 2], 0)
    with pytest.raises(ValueError, match=r"edges have shape \(2,\), must be \(3,\)"):
        sample_quantile_from_histogram([1, 2], [0, 1], 0.5)
