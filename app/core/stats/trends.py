"""Trends of short series whose neighbours are alike."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit
from scipy.stats import theilslopes

from app.core.stats.arrays import Floats, as_floats

MARGIN = 0.25
"""Standard errors that are added to an estimated autocorrelation: one that is too low alarms, too high waits."""
FEWEST_DEGREES = 3.0
"""Values so much alike that they count for less still say something of their spread."""


class Trend(NamedTuple):
    """A slope, in the values' unit per step, with its confidence interval."""

    slope: float
    lower: float
    upper: float


def theil_sen(values: ArrayLike, steps: ArrayLike, *, certainty: float) -> Trend:
    """Median of the slopes of all pairs, which single odd values do not move (Theil 1950, Sen 1968).

    Sen's interval is for independent values; it is widened by ``sqrt((1 + rho) / (1 - rho))``, with rho the lag-1
    autocorrelation of what the line leaves, in [0, .95]. Short series show too little of it, by about (1 + 4 rho) / n
    (Kendall 1954), which is added back.

    Args:
        values: ``[n]`` finite values, at least three.
        steps: ``[n]`` when each was, ascending.
        certainty: confidence level of the interval, in (0, 1).
    """
    values, steps = as_floats(values), as_floats(steps)
    slope, intercept, lower, upper = theilslopes(values, steps, certainty)
    return _widened(slope, lower, upper, values - intercept - slope * steps)


def trend_of_changes(changes: ArrayLike) -> Trend:
    """Median of the changes from one season to the next (Hirsch, Slack and Smith 1982), which a rhythm does not move.

    The interval runs from the smallest to the largest change: it holds the median of independent ones with probability
    ``1 - 2^(1 - n)`` whatever their distribution. It is widened for neighbours that are alike, as in `theil_sen`.

    Args:
        changes: ``[n]`` finite changes per step, in the order of time, at least one.
    """
    changes = as_floats(changes)
    slope = np.median(changes)
    return _widened(slope, changes.min(), changes.max(), changes)


def _widened(slope: float, lower: float, upper: float, residuals: Floats) -> Trend:
    rho = _autocorrelation(residuals)
    wider = np.sqrt((1 + rho) / (1 - rho))
    return Trend(float(slope), float(slope - wider * (slope - lower)), float(slope + wider * (upper - slope)))


def chance_slope(values: ArrayLike, *, over: int, certainty: float) -> float:
    """Slope per step that ``over`` values of a series without a trend stay within, up and down, with this certainty.

    It is told from other values of the series, whose neighbours are alike as in a first-order autoregression: the
    variance of a least-squares slope (Theil's and Sen's has about the same) under their sd and lag-1 correlation rho,
    raised by MARGIN standard errors. Both are estimates, hence Student's t for as many degrees as the values count for.
    A trend that these values have themselves is taken out of them first.

    Args:
        values: ``[n]`` finite values one step apart, at least three.
        over: values that a slope is taken over, at least two.
        certainty: in (0, 1).
    """
    known = as_floats(values)
    level = known - theilslopes(known).slope * np.arange(known.size)
    rho = _autocorrelation(level, fitted=2)
    rho = min(rho + MARGIN * float(np.sqrt((1 - rho**2) / level.size)), 0.95)
    alike = (1 + rho) / (1 - rho)
    # What is left around a fitted mean and trend varies less than the series does.
    variance = float(level.var()) / (1 - min(2 * alike / level.size, 0.5))
    steps = np.arange(over) - (over - 1) / 2
    weights = steps / (steps @ steps)
    correlation = rho ** np.abs(np.subtract.outer(steps, steps))
    quantile = float(stdtrit(max(level.size / alike, FEWEST_DEGREES), (1 + certainty) / 2))
    return quantile * float(np.sqrt(variance * (weights @ correlation @ weights)))


def _autocorrelation(residuals: Floats, fitted: int = 1) -> float:
    """Lag-1 autocorrelation, in [0, .95], corrected for its bias in short series of which so many coefficients were
    `fitted`; 0 where nothing varies.
    """
    centred = residuals - residuals.mean()
    variation = float(centred @ centred)
    if not variation:
        return 0.0
    seen = float(centred[1:] @ centred[:-1]) / variation
    return float(np.clip(seen + (fitted + 4 * max(seen, 0.0)) / residuals.size, 0.0, 0.95))
