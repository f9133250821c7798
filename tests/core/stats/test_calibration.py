import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.isotonic import IsotonicRegression

from app.core.stats.calibration import expected_calibration_error, isotonic


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=40), st.integers(0, 2**32))
def test_isotonic_is_scikit_learns_on_the_rows_of_the_filled_bins(rows: list[int], seed: int) -> None:
    assume(sum(rows) > 0)
    totals = np.array(rows)
    positives = np.random.default_rng(seed).binomial(totals, np.linspace(0.2, 0.7, totals.size))
    filled = np.flatnonzero(totals)
    oracle = IsotonicRegression(out_of_bounds="clip").fit(
        filled, positives[filled] / totals[filled], sample_weight=totals[filled]
    )
    calibrated = isotonic(positives, totals)
    assert_allclose(calibrated, oracle.predict(np.arange(totals.size)), atol=1e-9)
    # What calibration is for: as many positives are expected as were seen, and more for a higher score.
    assert_allclose((calibrated * totals).sum(), positives.sum(), atol=1e-9)
    assert (np.diff(calibrated) >= -1e-12).all()


def test_isotonic_interpolates_empty_bins_and_is_constant_beyond_the_ends() -> None:
    calibrated = isotonic(np.array([0, 1, 0, 0, 0, 3, 0]), np.array([0, 4, 0, 0, 0, 4, 0]))
    assert_allclose(calibrated, [0.25, 0.25, 0.375, 0.5, 0.625, 0.75, 0.75])


def test_isotonic_of_a_single_row_is_that_row_everywhere() -> None:
    assert_allclose(isotonic([0, 1, 0], [0, 1, 0]), [1, 1, 1])


def test_isotonic_without_rows_says_so() -> None:
    with pytest.raises(ValueError, match="at least one labelled row"):
        isotonic(np.zeros(3), np.zeros(3))


def test_expected_calibration_error_is_the_mean_over_rows() -> None:
    totals, positives = np.array([10, 0, 30]), np.array([4, 0, 21])
    # By hand: 10 rows off by .4 - .1, 30 rows off by |.7 - .9|.
    assert_allclose(expected_calibration_error(positives, totals, [0.1, 0.5, 0.9]), (10 * 0.3 + 30 * 0.2) / 40)
    assert expected_calibration_error(positives, totals, [0.4, 0.5, 0.7]) == 0
    assert np.isnan(expected_calibration_error([0, 0], [0, 0], [0.1, 0.2]))


def test_expected_calibration_error_broadcasts_over_windows() -> None:
    totals, positives = np.array([[10, 10], [5, 0]]), np.array([[1, 9], [5, 0]])
    assert_allclose(expected_calibration_error(positives, totals, [0.1, 0.9]), [0, 0.9])
