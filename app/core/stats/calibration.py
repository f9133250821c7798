"""What a score is worth: the probability of the truth per score bin, learnt from labelled rows."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import isotonic_regression

from app.core.stats.arrays import Floats, as_floats, ratio


def isotonic(positives: ArrayLike, totals: ArrayLike) -> Floats:
    """Fit a non-decreasing probability to the score bins: pool adjacent violators, weighted by rows.

    Args:
        positives: ``[B]`` labelled rows of the bin whose truth is positive.
        totals: ``[B]`` labelled rows of the bin.

    Returns:
        ``[B]`` probabilities. Empty bins are interpolated, by bin number, between their filled neighbours, and constant
        beyond the first and the last of them.

    Raises:
        ValueError: no bin holds a row.
    """
    positives, totals = as_floats(positives), as_floats(totals)
    filled = np.flatnonzero(totals > 0)
    if filled.size == 0:
        raise ValueError(f"totals sum to {totals.sum():g} over {totals.size} bins, must hold at least one labelled row")
    fitted = isotonic_regression(positives[filled] / totals[filled], weights=totals[filled]).x
    probabilities: Floats = np.interp(np.arange(totals.size), filled, fitted)
    return probabilities


def expected_calibration_error(positives: ArrayLike, totals: ArrayLike, calibrated: ArrayLike) -> Floats:
    """Mean gap, over rows, between the share of positives seen in a bin and the one expected (Naeini et al. 2015).

    All arguments are ``[..., B]``; returns ``[...]`` in [0, 1], ``nan`` without rows.
    """
    positives, totals = as_floats(positives), as_floats(totals)
    return ratio(np.abs(positives - totals * as_floats(calibrated)).sum(axis=-1), totals.sum(axis=-1))
