"""Trends of short series whose neighbours are alike."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import theilslopes

from app.core.stats.arrays import Floats, as_floats


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


def _autocorrelation(residuals: Floats) -> float:
    """Lag-1 autocorrelation, corrected for its bias in short series, in [0, .95]; 0 where nothing varies."""
    centred = residuals - residuals.mean()
    variation = float(centred @ centred)
    if not variation:
        return 0.0
    seen = float(centred[1:] @ centred[:-1]) / variation
    return float(np.clip(seen + (1 + 4 * max(seen, 0.0)) / residuals.size, 0.0, 0.95))
