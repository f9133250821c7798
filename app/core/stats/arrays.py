"""The array type of the statistics and the one division they share."""

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats: TypeAlias = NDArray[np.float64]


def as_floats(values: ArrayLike) -> Floats:
    """Return ``values`` as float64, without a copy where they already are."""
    return np.asarray(values, dtype=np.float64)


def ratio(numerator: ArrayLike, denominator: ArrayLike) -> Floats:
    """Divide elementwise (shapes broadcast); ``nan`` where the denominator is zero, as a share of nothing."""
    top, bottom = np.broadcast_arrays(as_floats(numerator), as_floats(denominator))
    quotient: Floats = np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom != 0)
    return quotient
