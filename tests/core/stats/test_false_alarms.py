"""Expected rates of false alarms against simulations of the rule itself: AR(1) windows without any change."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.signal import lfilter
from scipy.special import ndtr

from app.core.stats.arrays import Floats
from app.core.stats.false_alarms import (
    MOST_CORRELATION,
    expected_rate,
    fit_tail,
    lag_one_correlation,
    limit_for_rate,
    start_rate,
)
from app.core.stats.limits import exceedances, learnt_limit, leave_one_out_deviation


def windows_without_change(windows: int, subjects: int, correlation: float, seed: int) -> Floats:
    """[windows, subjects] standard normal values, each like the one before by `correlation`."""
    shocks = np.random.default_rng(seed).normal(size=(windows + 100, subjects))
    gain = np.sqrt(1 - correlation**2)
    return np.asarray(lfilter([gain], [1, -correlation], shocks, axis=0)[100:])


def share_of_new_breaches(exceeds: np.ndarray) -> float:
    breach = exceedances(exceeds) >= 2
    return float((breach[3:] & ~breach[2:-1]).mean())


@pytest.mark.parametrize("p", [1e-6, 1e-3, 0.02, 0.2])
def test_without_correlation_the_rate_is_that_of_independent_windows(p: float) -> None:
    # By hand: an exceedance, another in one of the two windows before it, and none in the other nor in the third.
    assert_allclose(start_rate(p, 0.0), 2 * p**2 * (1 - p) ** 2, rtol=1e-5)


@pytest.mark.parametrize(("correlation", "height"), [(0.0, 1.5), (0.5, 2.0), (0.5, 2.7), (0.8, 2.0), (0.8, 2.7)])
def test_the_rate_is_that_of_simulated_gaussian_windows(correlation: float, height: float) -> None:
    values = windows_without_change(100_000, 20, correlation, seed=1)
    found = share_of_new_breaches(values > height)
    # Exceedances of AR(1) windows are no Markov chain: measured within 5 % at .5 and 13 % at .8.
    assert_allclose(start_rate(ndtr(-height), correlation), found, rtol=0.15)


def test_the_rate_of_perfectly_persistent_windows_is_zero() -> None:
    assert_allclose(start_rate(0.01, 1.0), 0.0, atol=1e-12)


def test_no_correlation_makes_more_new_breaches_than_what_is_assumed_of_windows_apart() -> None:
    p = np.geomspace(1e-7, 1e-3, 30)
    worst = start_rate(p[:, None], np.linspace(0, 0.999, 500)).max(axis=1)
    assert_allclose(start_rate(p, MOST_CORRELATION), worst, rtol=0.06)
    assert_allclose(worst, p / 4, rtol=1e-2)


@pytest.mark.parametrize("correlation", [0.5, 0.8, 0.95])
def test_limits_of_each_hour_keep_the_budget_though_hours_resemble_each_other(correlation: float) -> None:
    """Learnt from 60 days; the two years after them are judged hour by hour, each by the limit of its own hour."""
    rate, learnt, subjects = 1e-4, 60, 100
    values = windows_without_change((learnt + 730) * 24, subjects, correlation, seed=8).reshape(-1, 24, subjects)
    normal = np.moveaxis(values[:learnt], 1, 0)

    def found(*, apart: bool) -> float:
        tails = [fit_tail(leave_one_out_deviation(hour), apart=apart) for hour in normal]
        limits = np.stack([limit_for_rate(tail, rate) for tail in tails])
        exceeds = np.abs(values[learnt:] - normal.mean(axis=1)) > limits
        return share_of_new_breaches(exceeds.reshape(-1, subjects))

    assert found(apart=True) < rate
    if correlation == 0.8:
        assert found(apart=False) > 2 * rate  # what hours a day apart say of their correlation is not enough


@settings(max_examples=25, deadline=None)
@given(st.integers(30, 168), st.integers(1, 40), st.floats(0, 0.9), st.floats(1e-7, 1e-3), st.integers(0, 2**32))
def test_the_limit_for_a_rate_has_that_rate(
    windows: int, subjects: int, correlation: float, rate: float, seed: int
) -> None:
    tail = fit_tail(np.abs(windows_without_change(windows, subjects, correlation, seed)))
    assert_allclose(expected_rate(tail, limit_for_rate(tail, rate)), rate, rtol=1e-4)


@settings(max_examples=25, deadline=None)
@given(st.floats(1e-3, 1e3), st.integers(0, 2**32))
def test_limits_have_the_unit_of_the_deviations(unit: float, seed: int) -> None:
    deviations = np.abs(windows_without_change(60, 7, 0.3, seed))
    limits = limit_for_rate(fit_tail(deviations), 1e-4)
    assert_allclose(limit_for_rate(fit_tail(unit * deviations), 1e-4), unit * limits, rtol=1e-5)


def test_fewer_allowed_alarms_fewer_windows_and_more_correlation_all_widen_the_limit() -> None:
    values = np.abs(windows_without_change(120, 50, 0.0, seed=3))
    usual = np.median(limit_for_rate(fit_tail(values), 1e-4))
    assert np.median(limit_for_rate(fit_tail(values), 1e-5)) > usual
    assert np.median(limit_for_rate(fit_tail(values[:30]), 1e-4)) > usual
    alike = np.abs(windows_without_change(120, 50, 0.8, seed=3))
    assert np.median(limit_for_rate(fit_tail(alike), 1e-4)) > usual


def test_unknown_windows_are_passed_over_and_a_subject_without_variation_alarms_never() -> None:
    values = np.abs(windows_without_change(60, 3, 0.0, seed=4))
    values[:, 1] = 0.0
    gaps = np.where(np.random.default_rng(4).random(values.shape) < 0.2, np.nan, values)
    tail = fit_tail(gaps)
    limits = limit_for_rate(tail, 1e-4)
    assert np.isfinite(limits).all()
    assert limits[1] == 0
    assert expected_rate(tail, np.array([3.0, 0.1, 3.0]))[1] == 0
    with pytest.raises(ValueError, match="none is known"):
        fit_tail(np.full((60, 2), np.nan))


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.8])
def test_many_subjects_tell_the_correlation_that_they_share(correlation: float) -> None:
    deviations = leave_one_out_deviation(windows_without_change(60, 200, correlation, seed=5))
    found = float(np.median(lag_one_correlation(deviations)))
    # On the side of too much: a quarter of a standard error is added, which near zero is .19 after the square root.
    assert correlation - 0.05 <= found <= correlation + 0.25


@pytest.mark.parametrize("correlation", [0.5, 0.8])
def test_subjects_that_share_a_correlation_are_not_told_apart_by_chance(correlation: float) -> None:
    """50 models of 20 subjects each: an outlier among the estimates would get a limit that is too low.

    Where chance is taken for that of Gaussian values, the spread is .037 and .048.
    """
    found = [
        lag_one_correlation(leave_one_out_deviation(windows_without_change(60, 20, correlation, seed)))
        for seed in range(50)
    ]
    assert np.mean([np.std(model) for model in found]) < 0.02


def test_subjects_that_do_differ_are_told_apart() -> None:
    values = np.hstack([windows_without_change(120, 10, correlation, seed=8) for correlation in (0.0, 0.9)])
    found = lag_one_correlation(leave_one_out_deviation(values))
    assert np.median(found[10:]) > np.median(found[:10]) + 0.2


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.8])
@pytest.mark.parametrize("subjects", [1, 20])
def test_models_without_change_stay_within_the_budget(correlation: float, subjects: int) -> None:
    """A daily model with one false alarm a month for 14 checks; the true rate of each limit is known by its law."""
    share = 1 / 30 / 14 / subjects
    values = windows_without_change(60, 600, correlation, seed=6)
    deviations, centre = leave_one_out_deviation(values), values.mean(axis=0)
    limits = np.concatenate(
        [
            np.maximum(learnt_limit(part, floor=0.0), limit_for_rate(fit_tail(part), share))
            for part in np.split(deviations, 600 // subjects, axis=1)
        ]
    )
    above, below = (start_rate(ndtr(-(limits + side * centre)), correlation) for side in (1, -1))
    # Measured: .02 and .10 of the share without correlation, .25 and .55 at .5, .8 and 1.4 at .8.
    assert (above + below).mean() < 2 * share
    # And no wider than it must be (in sds of the windows): measured medians 3.2 | 3.3, 3.2 | 3.8, 3.7 | 5.9.
    widest = {0.0: (3.3, 3.5), 0.5: (3.4, 4.1), 0.8: (4.0, 6.4)}[correlation][subjects > 1]
    assert np.median(limits) < widest
