"""When labels came, read from the delays that profiles count: when they began, stopped, and came in bulk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

import numpy as np

from app.core.label_delay import DELAY_EDGES, IntArray

BULK = 3.0
"""Times the usual number of labels from which on they came in bulk."""
LEAST_BULK = 100
"""Labels below which no arrival is worth a word as one in bulk."""
SILENCE = 3
"""Windows without any arrival from which on labels stopped."""


class Arrival(StrEnum):
    """What is worth telling about labels that came."""

    BEGAN = "began"
    STOPPED = "stopped"
    BULK = "bulk"


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels that came in the window of arrival that starts at `at`; `usual` is the median of such windows."""

    at: datetime
    what: Arrival
    count: int
    usual: float


def arrivals(
    starts: list[datetime], delays: IntArray, length: timedelta, until: datetime, *, from_the_first: bool
) -> Iterator[Labels]:
    """What is worth telling, in order of time, of the labels of windows at `starts` [W] with `delays` [W, DELAY_BINS].

    A delay is known to its bin alone, so the times are about right: they are as coarse as the bin is wide.
    `from_the_first`: no earlier window there is, so that the first labels are the first that ever came.
    """
    counts = _counts(starts, delays, length, until)
    if not counts:
        return
    usual = float(np.median(list(counts.values())))
    times = sorted(counts)
    if from_the_first:
        yield Labels(times[0], Arrival.BEGAN, counts[times[0]], usual)
    for at, following in pairwise([*times, until]):
        if counts[at] >= max(LEAST_BULK, BULK * usual):
            yield Labels(at, Arrival.BULK, counts[at], usual)
        if following - at > SILENCE * length:
            yield Labels(at, Arrival.STOPPED, counts[at], usual)
            if following != until:
                yield Labels(following, Arrival.BEGAN, counts[following], usual)


def _counts(starts: list[datetime], delays: IntArray, length: timedelta, until: datetime) -> dict[datetime, int]:
    """How many labels came in each window of arrival that has any, up to `until`."""
    edges = np.concatenate([[0.0], DELAY_EDGES])
    middles = [timedelta(seconds=float(seconds)) for seconds in (edges[:-1] + edges[1:]) / 2]
    counts: dict[datetime, int] = {}
    for start, of_window in zip(starts, delays, strict=True):
        for bin_ in np.flatnonzero(of_window[: len(middles)]):
            came = start + length / 2 + middles[bin_]
            at = start + ((came - start) // length) * length
            if at < until:
                counts[at] = counts.get(at, 0) + int(of_window[bin_])
    return counts
