"""The robust slope against scipy, and how often its interval holds what it should where neighbours are alike."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, theilslopes

from app.core.stats.trends import chance_slope, theil_sen

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=20)


@given(VALUES)
def test_the_slope_is_scipys_and_its_interval_never_narrower(values: list[float]) -> None:
    expected = theilslopes(values, alpha=0.99)
    found = theil_sen(values, range(len(values)), certainty=0.99)
    assert found.slope == pytest.approx(expected.slope)
    assert found.lower <= expected.low_slope + 1e-6
    assert found.upper >= expected.high_slope - 1e-6


@given(st.floats(-1e3, 1e3), st.integers(3, 20))
def test_a_straight_line_has_its_own_slope_and_no_doubt(slope: float, n: int) -> None:
    found = theil_sen(slope * np.arange(n), np.arange(n), certainty=0.9)
    assert found == pytest.approx((slope, slope, slope), abs=1e-9)


def test_one_odd_value_hardly_moves_it_and_gaps_do_not() -> None:
    steps = np.array([0, 1, 2, 5, 6, 7, 8, 9])
    values = 3.0 * steps
    values[3] = 1e6
    assert theil_sen(values, steps, certainty=0.9).slope == pytest.approx(3.0)


@pytest.mark.parametrize(("likeness", "most"), [(0.0, 0.02), (0.5, 0.06)])
def test_series_without_a_trend_seldom_show_one(likeness: float, most: float) -> None:
    """600 series of 14 values of a first-order autoregression; Sen's own interval says "up" for 5 % at .5."""
    rng = np.random.default_rng(90)
    series = np.zeros((600, 64))
    for step in range(1, 64):
        series[:, step] = likeness * series[:, step - 1] + rng.normal(size=600)
    ours = [theil_sen(one[-14:], range(14), certainty=0.99).lower > 0 for one in series]
    sens = [theilslopes(one[-14:], alpha=0.99).low_slope > 0 for one in series]
    assert np.mean(ours) <= min(most, np.mean(sens))


def autoregression(rng: np.random.Generator, series: int, length: int, likeness: float) -> np.ndarray:
    """[series, length] stationary, of unit variance."""
    values = rng.normal(size=(series, length))
    for step in range(1, length):
        values[:, step] = likeness * values[:, step - 1] + np.sqrt(1 - likeness**2) * values[:, step]
    return values


def test_among_many_independent_values_a_chance_slope_is_that_of_the_regression_formula() -> None:
    values = np.random.default_rng(4).normal(0, 3, 1_500)
    expected = 3 * np.sqrt(12 / (14 * (14**2 - 1))) * norm.ppf(0.995)
    assert chance_slope(values, over=14, certainty=0.99) == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("likeness", [0.0, 0.5, 0.8])
def test_slopes_of_series_without_a_trend_stay_within_what_other_values_of_them_say(likeness: float) -> None:
    """800 series: 60 values to learn from, 14 to look at. 1 % beyond is meant; 2.5 % leaves room for the estimates."""
    values = autoregression(np.random.default_rng(5), 800, 74, likeness)
    slopes = np.polynomial.polynomial.polyfit(np.arange(14), values[:, 60:].T, 1)[1]
    chance = np.array([chance_slope(one, over=14, certainty=0.99) for one in values[:, :60]])
    assert (np.abs(slopes) > chance).mean() < 0.025
    assert (np.abs(slopes) > chance / 2).mean() > 0.05  # nor is it so wide that nothing could pass


@given(st.floats(0.1, 1e3))
def test_a_chance_slope_has_the_unit_of_its_values(unit: float) -> None:
    values = np.random.default_rng(6).normal(size=40)
    of_units = chance_slope(unit * values, over=14, certainty=0.99)
    assert of_units == pytest.approx(unit * chance_slope(values, over=14, certainty=0.99))


def test_what_never_varies_leaves_no_slope_to_chance() -> None:
    assert chance_slope(np.full(30, 7.0), over=14, certainty=0.99) == 0
