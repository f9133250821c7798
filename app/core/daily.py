"""Counts of windows pooled into days, for what changes too slowly to show from one window to the next."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

import numpy as np

from app.core.case import BoolArray
from app.core.model import WindowLength
from app.core.profile import IntArray

LAST_DAYS = 14
"""Two whole weeks."""
AHEAD_DAYS = 30
"""How far ahead a slow change is thought on, to say whether it matters."""


class Days(NamedTuple):
    """The last days before the end of each of E windows, oldest first."""

    counts: IntArray
    """[E, days, ...] summed over each day, 0 where the day is not known."""
    known: BoolArray
    """[E, days] whether all windows of the day are there."""


def last_days(counts: IntArray, length: WindowLength, ends: range, *, days: int = LAST_DAYS, first: int = 0) -> Days:
    """Sums of `counts` [W, ...] over each of the last `days` 24 hours up to the end of the windows `ends` [E].

    A day ends with its window and not at midnight, so that it is whole whichever hour is judged. Days that begin before
    the window with the index `first` are not known.
    """
    windows = timedelta(days=1) // length.delta
    before = np.concatenate([np.zeros_like(counts[:1]), np.cumsum(counts, axis=0)])
    last = np.asarray(ends, dtype=np.int64)[:, None] + 1 - windows * np.arange(days)[::-1]
    begin = last - windows
    return Days(before[np.maximum(last, 0)] - before[np.maximum(begin, 0)], begin >= first)
