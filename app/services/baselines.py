"""What a version, or a segment of it, is compared with: its reference, read once and kept while it stays the same."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache, partial
from threading import Lock

import numpy as np
from sqlalchemy import Connection, Engine

from app.core.case import ENOUGH_WINDOWS, Series, full_windows
from app.core.fold import WHOLE
from app.core.model import Window, WindowLength
from app.core.profile import FeatureCounts, OutcomeCounts
from app.core.seasons import Seasons, learn_seasons, season_of
from app.storage.engine import read, snapshot
from app.storage.recipes import Recipe, Stamp
from app.storage.references import ReferenceProfile, ReferenceWindow, reference_profiles, reference_windows

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
    seasons: Seasons = field(default_factory=Seasons)


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
    return replace(found, calibrator=whole)


def seasons_of(
    engine: Engine, recipe: Recipe, known: Baseline, windows: Iterable[Window], segment: str = WHOLE
) -> dict[int, Series]:
    """Of the seasons that these windows belong to, the reference's windows: at most MOST_WINDOWS of each.

    Empty where the seasons are not all known. Kept beside the segments' baselines, in the same memory.
    """
    found: dict[int, Series] = {}
    for season in sorted({season_of(window.start, recipe.window) for window in windows} & set(known.seasons.windows)):
        positions = known.seasons.windows[season].tolist()
        key = (engine, recipe.version_id, recipe.window, segment, recipe.stamp, season)
        kept = _segments.get(key, partial(_season, engine, recipe, segment, positions))
        if kept.reference is not None:
            found[season] = kept.reference
    return found


def _season(engine: Engine, recipe: Recipe, segment: str, positions: Sequence[int]) -> Baseline:
    with read(engine) as connection:
        return Baseline(_series(reference_profiles(connection, recipe.version_id, segment, positions), recipe.window))


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
    with snapshot(engine) as connection:
        return read_baseline(connection, version_id, length, segment)


def read_baseline(connection: Connection, version_id: int, length: WindowLength, segment: str) -> Baseline:
    """The baseline as it is stored, decoded anew; what a segment lacks is not taken from the whole."""
    windows = reference_windows(connection, version_id, segment)
    timed = [window for window in windows if window.window_start is not None]
    full = full_windows(np.array([window.rows for window in timed])).tolist() if timed else []
    positions = {timed[at].position for at in full}
    chosen, outcomes, features = list[ReferenceProfile](), None, None
    for at, one in zip(windows, reference_profiles(connection, version_id, segment), strict=True):
        outcomes = one.profile.outcomes if outcomes is None else outcomes + one.profile.outcomes
        if at.position in positions:
            chosen.append(one)
        elif not positions:
            features = one.profile.features if features is None else features + one.profile.features
    reference = _series(chosen, length)
    training = features if reference is None else reference.features.sum()
    return Baseline(reference, outcomes, training, seasons=known_seasons(windows, length))


def known_seasons(windows: Sequence[ReferenceWindow], length: WindowLength) -> Seasons:
    """The seasons that a reference of these windows knows, by the positions of the windows of each."""
    starts, rows, positions = list[datetime](), list[int](), list[int]()
    for window in windows:
        if window.window_start is not None:
            starts.append(window.window_start)
            rows.append(window.rows)
            positions.append(window.position)
    found, at = learn_seasons(starts, rows, length, ENOUGH_WINDOWS), np.array(positions, dtype=np.intp)
    return replace(found, windows={season: at[mine] for season, mine in found.windows.items()})


def _series(stored: Iterable[ReferenceProfile], length: WindowLength) -> Series | None:
    """These windows; None where there is none."""
    starts, outcomes, features = list[datetime](), list[OutcomeCounts](), list[FeatureCounts]()
    for one in stored:
        assert one.window_start is not None
        starts.append(one.window_start)
        outcomes.append(one.profile.outcomes)
        features.append(one.profile.features)
    if not starts:
        return None
    windows = tuple(Window(start, start + length.delta) for start in starts)
    return Series(windows, OutcomeCounts.stack(outcomes), FeatureCounts.stack(features))
