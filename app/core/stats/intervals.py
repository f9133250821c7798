"""Intervals of shares and means, where rows are few as well."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t

from app.core.stats.arrays import Floats, as_floats, ratio
from app.core.stats.performance import NORMAL_95


class Interval(NamedTuple):
    """Both ends of a 95 % interval, each of the shape of what it is about."""

    lower: Floats
    upper: Floats


def wilson(successes: ArrayLike, trials: ArrayLike) -> Interval:
    """95 % score interval of a share (Wilson 1927); ``nan`` without trials. Counts broadcast."""
    k, n = np.broadcast_arrays(as_floats(successes), as_floats(trials))
    share, z2 = ratio(k, n), NORMAL_95**2
    centre = ratio(k + z2 / 2, n + z2)
    half = NORMAL_95 * np.sqrt(n * share * (1 - share) + z2 / 4) / (n + z2)
    return Interval(np.where(n > 0, centre - half, np.nan), np.where(n > 0, centre + half, np.nan))


def of_mean(mean: ArrayLike, variance: ArrayLike, rows: ArrayLike) -> Interval:
    """95 % interval of a mean of that many rows with that sample variance, by Student's t; ``nan`` below two rows."""
    mean, variance, rows = np.broadcast_arrays(as_floats(mean), as_floats(variance), as_floats(rows))
    enough = rows >= 2
    half = np.where(enough, t.ppf(0.975, np.maximum(rows - 1, 1)), np.nan) * np.sqrt(ratio(variance, rows))
    return Interval(mean - half, mean + half)
