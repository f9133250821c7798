"""Limits learnt from a model's own normal variation.

R is the number of reference windows, W the number of windows looked at; both are first axes.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from app.core.stats.arrays import Floats, as_floats, ratio


def learnt_limit(distances: ArrayLike, *, floor: ArrayLike, margin: float = 1.25) -> Floats:
    """Limit above anything normal: ``max(floor, margin * largest)`` of the leave-one-out distances ``[R, ...]``.

    Distances that are ``nan`` are passed over; where all are, so is the limit: nothing was learnt there.
    """
    limit: Floats = np.maximum(as_floats(floor), margin * np.fmax.reduce(as_floats(distances), axis=0))
    return limit


def leave_one_out_totals(parts: ArrayLike) -> Floats:
    """For each part of ``[R, ...]``, the sum of all the others (same shape): the baseline of that reference window."""
    parts = as_floats(parts)
    others: Floats = parts.sum(axis=0) - parts
    return others


def leave_one_out_deviation(values: ArrayLike) -> Floats:
    """For each of ``[R, ...]``, its distance from the mean of all the others, in the values' own unit.

    A value that is ``nan`` is no part of any mean and has no deviation; nor has a value without others.
    """
    values = as_floats(values)
    known = np.isfinite(values)
    others = known.sum(axis=0) - 1
    mean_of_others = ratio(np.sum(values, axis=0, where=known) - values, np.maximum(others, 0))
    return np.abs(values - mean_of_others)


def exceedances(exceeds: NDArray[np.bool_], *, of: int = 3) -> NDArray[np.int64]:
    """How many of each window and the ``of - 1`` before it exceed their limit: ``[W, ...]`` to counts of that shape."""
    counts = np.cumsum(exceeds, axis=0, dtype=np.int64)
    counts[of:] -= counts[:-of]
    return counts


def window_size_factor(rows: ArrayLike, baseline_rows_min: ArrayLike) -> Floats:
    """Factor that widens the limit of a window smaller than any of the reference: ``sqrt(max(1, smallest / rows))``.

    The part of a distance that is sampling noise grows with 1/sqrt(rows); a limit learnt from larger windows knows less
    of it. Shapes broadcast. Without any rows the factor is ``inf``: no limit is wide enough.
    """
    rows, smallest = np.broadcast_arrays(as_floats(rows), as_floats(baseline_rows_min))
    shortfall = np.divide(smallest, rows, out=np.full(rows.shape, np.inf), where=rows > 0)
    factor: Floats = np.sqrt(np.maximum(shortfall, 1.0))
    return factor
