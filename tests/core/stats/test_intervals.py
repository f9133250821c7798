"""Intervals against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest, t

from app.core.stats.intervals import of_mean, wilson


@pytest.mark.parametrize(("k", "n"), [(0, 1), (0, 40), (3, 40), (20, 40), (40, 40), (123, 4567)])
def test_the_interval_of_a_share_is_that_of_scipy(k: int, n: int) -> None:
    found, oracle = wilson(k, n), binomtest(k, n).proportion_ci(0.95, method="wilson")
    assert (float(found.lower), float(found.upper)) == pytest.approx((oracle.low, oracle.high), abs=1e-12)


def test_the_interval_of_a_mean_is_that_of_scipy() -> None:
    values = np.random.default_rng(1).normal(3, 2, 17)
    found = of_mean(values.mean(), values.var(ddof=1), 17)
    oracle = t.interval(0.95, 16, values.mean(), values.std(ddof=1) / np.sqrt(17))
    assert (float(found.lower), float(found.upper)) == pytest.approx(oracle)


def test_what_nothing_is_known_of_has_no_interval() -> None:
    assert np.isnan(wilson([0], [0])).all()
    assert np.isnan(of_mean([1.0], [np.nan], [1])).all()
