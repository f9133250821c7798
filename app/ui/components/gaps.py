"""Windows in which nothing was measured at all: a line must not bridge them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from app.core.model import Outcome
from app.services.read_models.series import FloatArray, Series

WIDER = 1.5
"""Times as far apart as their neighbours, from which on two windows have a gap between them."""


def with_gaps(series: Series) -> Series:
    """The series with an empty window in each gap.

    Distances are compared with those beside them, since hours that are rolled up to days are no gaps.
    """
    at = _gaps(series)
    if not at.size:
        return series

    def floats(values: FloatArray) -> FloatArray:
        return np.insert(values, at + 1, np.nan)

    starts, outcomes, reasons = list(series.starts), list(series.outcomes), list(series.reasons)
    for i in at[::-1]:
        starts.insert(i + 1, series.starts[i] + (series.starts[i + 1] - series.starts[i]) / 2)
        outcomes.insert(i + 1, Outcome.NOT_EVALUATED)
        reasons.insert(i + 1, "")
    return replace(
        series,
        starts=tuple(starts),
        values=floats(series.values),
        limits=floats(series.limits),
        low=floats(series.low),
        high=floats(series.high),
        lower=floats(series.lower),
        upper=floats(series.upper),
        outcomes=tuple(outcomes),
        reasons=tuple(reasons),
    )


def _gaps(series: Series) -> NDArray[np.intp]:
    """The windows that a gap follows."""
    seconds = np.diff([start.timestamp() for start in series.starts])
    if seconds.size < 2:
        return np.array([], dtype=np.intp)
    beside = np.maximum(np.append(0.0, seconds[:-1]), np.append(seconds[1:], 0.0))
    return np.flatnonzero(seconds > WIDER * beside)
