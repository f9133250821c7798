"""What a list of numbers of any length looks like."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.core.stats.arrays import Floats

STATISTICS = ("length", "mean", "minimum", "maximum", "sd")


def list_statistics(lists: Sequence[NDArray[np.float64]]) -> Floats:
    """``[N, 5]`` the STATISTICS of each list; those of an empty one, but for its length, are ``nan``."""
    lengths = np.fromiter(map(len, lists), np.int64, len(lists))
    found = np.full((len(lists), len(STATISTICS)), np.nan)
    found[:, 0] = lengths
    filled = np.flatnonzero(lengths)
    if filled.size:
        lengths = lengths[filled]
        values, starts = np.concatenate(lists), np.cumsum(lengths) - lengths
        with np.errstate(invalid="ignore", over="ignore"):  # infinities in a list are its own affair
            mean = np.add.reduceat(values, starts) / lengths
            squares = np.add.reduceat((values - np.repeat(mean, lengths)) ** 2, starts)
        lowest, highest = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
        found[filled, 1:] = np.stack([mean, lowest, highest, np.sqrt(squares / lengths)], axis=-1)
    return found
