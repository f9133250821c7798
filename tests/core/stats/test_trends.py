"""The robust slope against scipy, and how often its interval holds what it should where neighbours are alike."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import theilslopes

from app.core.stats.trends import theil_sen

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
