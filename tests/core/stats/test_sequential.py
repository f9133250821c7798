import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import ArrayLike
from scipy import integrate, optimize, stats

from app.core.stats.arrays import Floats
from app.core.stats.sequential import (
    binomial_confidence_sequence,
    error_residual,
    level_residual,
    shiryaev_roberts,
    standardise,
)

ALARM = 1_000


def test_residual_of_one_bin_is_the_z_of_a_binomial() -> None:
    n, c = 40, 0.3
    z = [(k - stats.binom.mean(n, c)) / stats.binom.std(n, c) for k in (5, 12, 30)]
    assert_allclose(level_residual(np.array([[5], [12], [30]]), [[n]], [c]), z, atol=1e-12)


@pytest.mark.parametrize("residual", [level_residual, error_residual])
def test_residuals_of_truths_drawn_as_calibrated_are_standard_normal(
    residual: Callable[[ArrayLike, ArrayLike, ArrayLike], Floats],
) -> None:
    rng = np.random.default_rng(0)
    totals, probability = rng.integers(0, 40, 25), rng.uniform(0.05, 0.95, 25)
    drawn = residual(rng.binomial(totals, probability, (20_000, 25)), totals, probability)
    assert_allclose(drawn.mean(), 0, atol=4 / np.sqrt(20_000))
    assert_allclose(drawn.std(), 1, rtol=0.02)


def test_error_residual_sees_a_truth_that_moves_towards_a_coin_toss_where_the_level_cancels() -> None:
    totals, positive = np.array([500, 500]), np.array([0.2, 0.8])
    moved = totals * (positive + 0.4 * (0.5 - positive))
    assert_allclose(level_residual(moved, totals, positive), 0, atol=1e-12)
    wrong = np.array([moved[0], totals[1] - moved[1]])  # classed 0 below the threshold and 1 above it
    assert error_residual(wrong, totals, [0.2, 0.2]) > 5


def test_nothing_labelled_and_nothing_uncertain_have_no_residual() -> None:
    assert np.isnan(level_residual([0, 0], [0, 0], [0.5, 0.5]))
    assert np.isnan(level_residual([0, 9], [8, 9], [0.0, 1.0]))


def test_standardised_is_student_t_prediction_turned_normal() -> None:
    rng = np.random.default_rng(1)
    reference = _decorrelated(rng.normal(2, 3, 30))
    x = np.linspace(-9, 20, 40)
    t = (x - reference.mean()) / (reference.std(ddof=1) * np.sqrt(1 + 1 / 30))
    oracle = stats.norm.isf(stats.t.sf(t, df=29))
    # Wallace's approximation, as documented: within .02.
    assert_allclose(standardise(x, reference), oracle, atol=0.02)


def _decorrelated(values: Floats) -> Floats:
    """Put the values in an order whose lag-1 autocorrelation is negative, so that nothing is widened for it."""
    ascending = np.sort(values)
    half = ascending.size // 2
    return np.ravel(np.column_stack((ascending[:half], ascending[half:][::-1])))


def test_standardised_is_widened_for_a_reference_that_follows_itself() -> None:
    reference = _autoregressive(np.random.default_rng(3), 0.6, (20_000,))
    deviations = reference - reference.mean()
    rho = (deviations[1:] * deviations[:-1]).mean() / deviations.var()
    u = standardise(np.array([1.0]), reference)
    assert_allclose(u, (1 - reference.mean()) / (reference.std() * np.sqrt((1 + rho) / (1 - rho))), rtol=1e-3)
    assert_allclose(u, 1 / 2, rtol=0.05)  # sd 1, and (1 + .6)/(1 - .6) is 4


def test_standardised_is_widened_by_at_most_a_correlation_of_095() -> None:
    line = np.arange(400.0)
    u = standardise(line[-1:], line)
    assert_allclose(u, (line[-1] - line.mean()) / (line.std(ddof=1) * np.sqrt(1.95 / 0.05)), rtol=0.01)


def test_standardised_is_monotone_odd_and_finite_however_huge_the_residual() -> None:
    reference = np.random.default_rng(2).normal(size=60)
    huge = 10.0 ** np.arange(0, 300, 10)
    u = standardise(np.concatenate((-huge[::-1], huge)), reference)
    assert np.isfinite(u).all()
    assert (np.diff(u) > 0).all()
    around = reference.mean() + np.array([-4, 4])
    assert_allclose(standardise(around, reference).sum(), 0, atol=1e-9)


def test_standardised_passes_over_unknown_windows_and_needs_three_known_ones() -> None:
    known = np.array([0.3, -1.2, 0.8, 0.1])
    with_gap_at_the_end = np.append(known, [np.nan, np.nan])
    assert_allclose(standardise([1.0, np.nan], with_gap_at_the_end), standardise([1.0, np.nan], known))
    assert np.isnan(standardise([1.0, np.nan], known)[1])
    assert np.isnan(standardise([1.0], [0.5, np.nan, 0.7])).all()
    assert np.isnan(standardise([1.0], [0.5, 0.5, 0.5, 0.5])).all()
    assert np.isnan(standardise([1.0], [np.nan, np.nan])).all()


def test_standardised_treats_trailing_dimensions_alone() -> None:
    rng = np.random.default_rng(4)
    residuals, reference = rng.normal(size=(7, 3)), rng.normal(size=(40, 3))
    together = standardise(residuals, reference)
    for series in range(3):
        assert_allclose(together[:, series], standardise(residuals[:, series], reference[:, series]))


def slow_shiryaev_roberts(u: list[float], dead_zone: float, rates: list[float]) -> list[float]:
    """The recursion as it is written in statistics.md section 4, one number at a time."""
    components = {(sign, rate): 0.0 for sign in (1, -1) for rate in rates}
    means = []
    for value in u:
        for (sign, rate), m in components.items():
            if not math.isnan(value):
                components[sign, rate] = (m + 1) * math.exp(rate * (sign * value - dead_zone) - rate**2 / 2)
        means.append(sum(components.values()) / len(components))
    return means


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1.5, 1.5) | st.just(math.nan), max_size=15), st.floats(0, 1))
def test_evidence_is_the_recursion_of_the_text(u: list[float], dead_zone: float) -> None:
    rates = [0.25, 1.0, 2.0]
    ours = shiryaev_roberts(u, dead_zone=dead_zone, rates=rates)
    assert_allclose(ours, slow_shiryaev_roberts(u, dead_zone, rates), rtol=1e-9)


def test_evidence_is_kept_over_windows_that_cannot_be_judged() -> None:
    with_gaps = shiryaev_roberts([np.nan, 1.0, np.nan, np.nan, 2.0])
    without = shiryaev_roberts([1.0, 2.0])
    assert_allclose(with_gaps, [0, without[0], without[0], without[0], without[1]])


def test_evidence_stays_below_its_ceiling_and_subsides_within_a_month_of_the_end_of_a_drift() -> None:
    drifted = shiryaev_roberts(np.concatenate((np.full(300, 1e300), np.zeros(60))))
    assert np.isfinite(drifted).all()
    assert drifted.max() <= 1e6
    # 16 components share the alarm: even if the other residual's eight stay at zero, it is raised at once.
    assert drifted[0] / 2 > ALARM
    assert (drifted[331:] < ALARM).all()
    # Up is as bad as down, and 1e300 times the rate overflows nothing.
    assert_array_equal(shiryaev_roberts(np.full(5, -1e300)), shiryaev_roberts(np.full(5, 1e300)))


def test_evidence_of_a_stack_is_that_of_each_series() -> None:
    u = np.random.default_rng(5).normal(0.5, 1, (30, 2, 3))
    assert_allclose(shiryaev_roberts(u)[:, 1, 2], shiryaev_roberts(u[:, 1, 2]))


def _autoregressive(rng: np.random.Generator, rho: float, shape: tuple[int, ...]) -> Floats:
    """Standard normal series along the first axis with lag-1 correlation ``rho``."""
    series = rng.normal(size=shape)
    for window in range(1, shape[0]):
        series[window] = rho * series[window - 1] + np.sqrt(1 - rho**2) * series[window]
    return series


def _evidence(rng: np.random.Generator, rho: float, runs: int, shift: float = 0.0) -> Floats:
    """Evidence over 100 windows shifted by ``shift`` sd, after 60 reference windows of their own, for each run."""
    series = _autoregressive(rng, rho, (160, runs))
    return shiryaev_roberts(standardise(series[60:] + shift, series[:60]))


# statistics.md section 4 measured 0 at either correlation; 2 % is what the issue allows.
@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_false_alarms_within_100_windows_are_rare(rho: float) -> None:
    evidence = _evidence(np.random.default_rng(21), rho, runs=2_000)
    assert (evidence.max(axis=0) > ALARM).mean() < 0.02


# statistics.md section 4 measured a median delay of 8 and 3 windows; 12 is what the issue allows for 2 sd.
@pytest.mark.parametrize(("shift", "median_delay"), [(2.0, 12), (4.0, 4), (-2.0, 12)])
def test_a_shift_is_found_soon(shift: float, median_delay: int) -> None:
    found = _evidence(np.random.default_rng(22), 0.0, runs=1_000, shift=shift) > ALARM
    delays = np.where(found.any(axis=0), found.argmax(axis=0) + 1, np.inf)
    assert np.median(delays) <= median_delay


def test_binomial_confidence_sequence_is_as_wide_as_published() -> None:
    # statistics.md section 5, to the digits given there.
    lower, upper = binomial_confidence_sequence([20, 400], [1_000, 20_000])
    assert_allclose(lower, [0.008, 0.0165], atol=5e-4)
    assert_allclose(upper, [0.041, 0.0243], atol=5e-4)


@pytest.mark.parametrize(("successes", "trials"), [(0, 5), (1, 4), (3, 9), (6, 6)])
def test_binomial_confidence_sequence_ends_where_the_mixture_likelihood_ratio_is_one_over_alpha(
    successes: int, trials: int
) -> None:
    # Jeffreys' prior on p is uniform in the angle whose squared sine is p, and there has no singularities to integrate.
    mixture, _ = integrate.quad(lambda a: stats.binom.pmf(successes, trials, np.sin(a) ** 2), 0, np.pi / 2)
    mixture /= np.pi / 2

    def excess(p: float) -> float:
        return float(mixture / stats.binom.pmf(successes, trials, p) - 20)

    lower, upper = binomial_confidence_sequence(successes, trials, 0.05)
    seen = successes / trials
    assert_allclose(lower, optimize.brentq(excess, 1e-12, seen) if successes else 0, atol=1e-9)
    assert_allclose(upper, optimize.brentq(excess, seen, 1 - 1e-12) if successes < trials else 1, atol=1e-9)


def test_binomial_confidence_sequence_holds_at_every_look_at_once() -> None:
    rng = np.random.default_rng(30)
    rate, looks, runs = 0.1, 400, 500
    successes = np.cumsum(rng.random((looks, runs)) < rate, axis=0)
    lower, upper = binomial_confidence_sequence(successes, np.arange(1, looks + 1)[:, None], alpha=0.1)
    missed = ((rate < lower) | (rate > upper)).any(axis=0).mean()
    assert missed <= 0.1


def test_binomial_confidence_sequence_without_trials_is_everything() -> None:
    assert [float(bound) for bound in binomial_confidence_sequence(0, 0)] == [0, 1]


def test_binomial_confidence_sequence_refuses_impossible_arguments() -> None:
    with pytest.raises(ValueError, match=r"alpha == 1\.5, must be between 0 and 1"):
        binomial_confidence_sequence(1, 2, alpha=1.5)
    with pytest.raises(ValueError, match="successes must be between 0 and trials"):
        binomial_confidence_sequence(3, 2)
