"""What a version, or a segment of it, is compared with: its reference, read once and kept while it stays the same."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock

import numpy as np
from sqlalchemy import Engine

from app.core.case import Series, full_windows
from app.core.fold import WHOLE
from app.core.model import Window, WindowLength
from app.core.profile import FeatureCounts, OutcomeCounts
from app.storage.engine import read
from app.storage.recipes import Recipe, Stamp
from app.storage.references import ReferenceProfile, reference_profiles

ENOUGH_LABELS = 1_000
"""Labelled rows of the reference from which a segment has a calibration of its own. An accuracy estimated from n labels
is off by up to 1 / sqrt(n) in 19 of 20 cases: 3 points from 1,000. With fewer, what is true of all rows misleads less.
"""
KEPT_WHOLES = 8
MOST_BYTES = 256 << 20
"""What the segments' baselines that are kept may take; one of 100 features and 168 windows takes about 40 MB."""


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """What does not change from round to round: see the fields of the same names in Case."""

    reference: Series | None = None
    calibration: OutcomeCounts | None = None
    training: FeatureCounts | None = None
    calibrator: OutcomeCounts | None = None


def baseline(engine: Engine, recipe: Recipe, segment: str = WHOLE) -> Baseline:
    """The baseline of the version or of a segment of it; empty without a reference."""
    if recipe.stamp.digest is None:
        return Baseline()
    if segment == WHOLE:
        return _whole(engine, recipe.version_id, recipe.window, recipe.stamp)
    key = (engine, recipe.version_id, recipe.window, segment, recipe.stamp)
    found = _segments.get(key, lambda: _read(engine, recipe.version_id, recipe.window, segment))
    if found.calibration is None or int(found.calibration.labels.sum()) >= ENOUGH_LABELS:
        return found
    whole = baseline(engine, recipe).calibration
    return Baseline(found.reference, found.calibration, found.training, whole)


# Cached, because each costs a decode per window of the reference.
@lru_cache(maxsize=KEPT_WHOLES)
def _whole(engine: Engine, version_id: int, length: WindowLength, _stamp: Stamp) -> Baseline:
    return _read(engine, version_id, length, WHOLE)


class Kept:
    """The baselines used last, as many as `most_bytes` hold."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._found: OrderedDict[Hashable, Baseline] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def get(self, key: Hashable, compute: Callable[[], Baseline]) -> Baseline:
        """What is kept under the key, or else computed now."""
        with self._lock:
            if key not in self._found:
                self._found[key] = compute()
                self._bytes += _size(self._found[key])
                while self._bytes > self._most_bytes and len(self._found) > 1:
                    self._bytes -= _size(self._found.popitem(last=False)[1])
            self._found.move_to_end(key)
            return self._found[key]


_segments = Kept(MOST_BYTES)


def _size(found: Baseline) -> int:
    """Bytes of its arrays."""
    parts: list[OutcomeCounts | FeatureCounts | None] = [found.calibration, found.training]
    if found.reference is not None:
        parts += [found.reference.outcomes, found.reference.features]
    return sum(int(array.nbytes) for part in parts if part is not None for array in part.arrays().values())


def _read(engine: Engine, version_id: int, length: WindowLength, segment: str) -> Baseline:
    with read(engine) as connection:
        stored = reference_profiles(connection, version_id, segment)
    if not stored:
        return Baseline()
    outcomes = OutcomeCounts.stack([part.profile.outcomes for part in stored]).sum()
    series = _series(stored, length)
    if series is None:
        features = FeatureCounts.stack([part.profile.features for part in stored]).sum()
        return Baseline(None, outcomes, features)
    return Baseline(series, outcomes, series.features.sum())


def _series(stored: list[ReferenceProfile], length: WindowLength) -> Series | None:
    """The windows that normal variation is learnt from; None without timestamps."""
    timed = [(part.window_start, part.profile) for part in stored if part.window_start is not None]
    full = [timed[at] for at in full_windows(np.array([part.rows for _, part in timed]))] if timed else []
    if not full:
        return None
    return Series(
        tuple(Window(start, start + length.delta) for start, _ in full),
        OutcomeCounts.stack([part.outcomes for _, part in full]),
        FeatureCounts.stack([part.features for _, part in full]),
    )
