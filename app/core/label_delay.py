"""How late labels come: counts by delay in fixed bins, and the delay curve that they give.

The curve is the share of labels that are in by a delay, of all labels that come within the longest delay that could be
seen. Windows are of different ages, and of a young one the late labels are still to come. So the curve is built from
its far end: of the labels that take at most d, the share that takes about d is read from windows old enough to show it
(the reverse-time hazard of Lagakos, Barraj and De Gruttola, Biometrika 75, 1988, p. 515).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]

_MINUTES = (1, 2, 5, 10, 15, 20, 30, 45)
_HOURS = (1, 1.5, 2, 3, 4, 6, 8, 12, 18)
_DAYS = (1, 1.5, 2, 3, 4, 5, 6, 7, 10, 14, 21, 30, 45, 60, 90, 120, 180, 270, 365, 540, 730)
DELAY_EDGES: FloatArray = np.array(
    [60.0 * m for m in _MINUTES] + [3_600.0 * h for h in _HOURS] + [86_400.0 * d for d in _DAYS]
)
"""Upper ends of the bins in seconds; bin i is (edge i-1, edge i]. The first holds everything up to a minute, also what
was said before its prediction; the last everything beyond two years.
"""
DELAY_BINS = DELAY_EDGES.size + 1

QUANTILES = (0.5, 0.9, 0.95, 0.99)
SETTLED = 0.95
"""Share of the labels that must be in before a window's labels count as complete."""
LEAST_LABELS = 300
LEAST_WINDOWS = 10
_ROUNDING = 1e-9
_POINTS = 24  # at which the rows of a window are taken to lie


def delay_counts(seconds: FloatArray) -> IntArray:
    """[DELAY_BINS] how many of the delays (finite, in seconds) fall into each bin."""
    return np.bincount(np.searchsorted(DELAY_EDGES, seconds, side="left"), minlength=DELAY_BINS).astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class DelayCurve:
    """`shares` [DELAY_BINS - 1]: of the labels that come within `observed`, those that are in by each edge.

    `labels` and `windows`: what it rests on.
    """

    shares: FloatArray
    observed: timedelta
    labels: int
    windows: int

    def within(self, delay: timedelta) -> float:
        """Share of the labels that are in `delay` after their prediction."""
        return float(self._at(np.array(delay.total_seconds())))

    def quantile(self, share: float) -> timedelta:
        """The first edge by which that share of the labels is in."""
        at = int(np.searchsorted(self.shares, share - _ROUNDING, side="left"))
        return timedelta(seconds=float(DELAY_EDGES[min(at, DELAY_EDGES.size - 1)]))

    def complete(self, ages: FloatArray, window: timedelta) -> FloatArray:
        """[...] share of a window's labels that are in so many seconds after its end; its rows lie evenly over it."""
        before = (np.arange(_POINTS) + 0.5) / _POINTS * window.total_seconds()
        return np.asarray(self._at(ages[..., None] + before).mean(axis=-1))

    def needed(self, share: float, window: timedelta) -> timedelta:
        """The first edge (or 0) after the end of a window at which that share of its labels is in."""
        edges = np.concatenate([[0.0], DELAY_EDGES])
        at = int(np.searchsorted(self.complete(edges, window), share - _ROUNDING, side="left"))
        return timedelta(seconds=float(edges[min(at, edges.size - 1)]))

    def _at(self, seconds: FloatArray) -> FloatArray:
        """Between two edges the share is taken to grow evenly with time; below the first edge it does not grow."""
        edges, shares = np.concatenate([[0.0], DELAY_EDGES]), np.concatenate([self.shares[:1], self.shares])
        return np.asarray(np.interp(seconds, edges, shares))


def delay_curve(counts: IntArray, ages: FloatArray) -> DelayCurve | None:
    """The curve of windows with `counts` [W, DELAY_BINS] and `ages` [W], seconds since each one's end.

    None where fewer than LEAST_LABELS labels in LEAST_WINDOWS windows could be seen.
    """
    # A window shows the delays up to its age; what it got later than that is of its first rows alone.
    shown = ages[:, None] >= DELAY_EDGES[None, :]
    seen = np.where(shown, counts[:, :-1], 0)
    windows, labels = int((seen.sum(axis=1) > 0).sum()), int(seen.sum())
    if labels < LEAST_LABELS or windows < LEAST_WINDOWS:
        return None
    up_to = np.where(shown, np.cumsum(counts[:, :-1], axis=1), 0).sum(axis=0)
    hazard = np.divide(seen.sum(axis=0), up_to, out=np.zeros(up_to.size), where=up_to > 0)
    later = np.append(np.cumprod((1 - hazard)[:0:-1])[::-1], 1.0)
    longest = float(DELAY_EDGES[shown.any(axis=0)].max())
    return DelayCurve(later, timedelta(seconds=longest), labels, windows)


def advice(curve: DelayCurve, declared: timedelta, window: timedelta) -> str:
    """What to do about the declared delay; "" when it fits."""
    complete = float(curve.complete(np.array(declared.total_seconds()), window))
    settled, nearly_all = curve.needed(SETTLED, window), curve.needed(QUANTILES[-1], window)
    if complete < SETTLED - _ROUNDING and settled > declared:
        return (
            f"too short: when the declared delay has passed, {1 - complete:.0%} of a window's labels are still to "
            f"come; with {duration(settled)} it would be {1 - SETTLED:.0%} at most"
        )
    if declared >= 2 * nearly_all and declared - nearly_all >= window:
        return (
            f"longer than needed: {QUANTILES[-1]:.0%} of a window's labels are in {duration(nearly_all)} after its "
            f"end; declared so, quality would be final {duration(declared - nearly_all)} sooner"
        )
    return ""


def duration(delay: timedelta) -> str:
    """Such as 90 min, 36 h, 10 d: in the largest unit that leaves a whole number, or hours to one digit."""
    seconds = delay.total_seconds()
    for unit, size in (("d", 86_400.0), ("h", 3_600.0), ("min", 60.0)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:.0f} {unit}"
    return "none" if not seconds else f"{seconds / 3_600:.1f} h"
