"""The fold: batches and uploaded profiles that were stored are counted into profiles, each exactly once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import Engine

from app.services.batch_counting import count_batches
from app.services.counting import (
    LostRaceError,
    apart,
    fold_turn,
    raise_failures,
    save,
    saving,
    without_garbage_collection,
)
from app.services.rebuild import RebuildSummary, recount
from app.services.uploads import count_uploads
from app.storage.engine import read, snapshot
from app.storage.lease import Lease
from app.storage.rebuilds import rebuilding
from app.storage.set_aside import next_aside, put_aside, take_back, versions_aside
from app.storage.unfolded import mark_folded, newest_batch, next_batches, rows_waiting
from app.storage.uploads import waiting_versions

SLICE_ROWS = 20_000
CORRECTION_WEIGHT = 5
"""What a correction costs, in predictions: the fold writes to its prediction, while every other writer waits."""
MOST_RACES = 20
"""Lost in one fold; after so many it is plainly another process that folds."""

Report: TypeAlias = Callable[[int, int], None]
"""Told after every slice: rows done, and rows there were in all."""


@dataclass(frozen=True, slots=True)
class FoldSummary:
    """What one fold counted. `windows` are profiles saved, counting one again for each slice that touched it, and
    `uploaded` those that came as profiles.

    `busy`: another process had the turn to fold, at the start or on the way; what is left is for it or the next fold.
    """

    batches: int = 0
    predictions: int = 0
    corrections: int = 0
    windows: int = 0
    recounted: int = 0
    uploaded: int = 0
    busy: bool = False

    def __add__(self, other: FoldSummary) -> FoldSummary:
        return FoldSummary(
            self.batches + other.batches,
            self.predictions + other.predictions,
            self.corrections + other.corrections,
            self.windows + other.windows,
            self.recounted + other.recounted,
            self.uploaded + other.uploaded,
            self.busy or other.busy,
        )


def fold(engine: Engine, now: datetime, *, slice_rows: int = SLICE_ROWS, progress: Report | None = None) -> FoldSummary:
    """Count every batch stored so far, and first finish any rebuild that is under way.

    Works in slices of about `slice_rows` rows: each is read and counted without holding up anybody, and saved in one
    short transaction together with the mark that its batches are folded. Whatever happens in between, nothing is lost
    or counted twice. What of the batches belongs to a version that cannot be counted, such as one whose profile is
    damaged, is set aside in that transaction, and tried again by each later fold.

    Raises ExceptionGroup, once all others are counted, with the error of every version that could not be: each carries
    the names of its model and version as a note.
    """
    with fold_turn(engine) as lease:
        if lease is None:
            return FoldSummary(busy=True)
        folding = _Fold(engine, lease, now, slice_rows)
        summary = folding.all(progress)
    raise_failures(engine, folding.bad_uploads | folding.failures)
    return summary


@dataclass(slots=True)
class _Fold:
    """One fold. `failures`: of versions whose rows it tries no more, why; `bad_uploads`: of those with such uploads."""

    engine: Engine
    lease: Lease
    now: datetime
    slice_rows: int
    failures: dict[int, Exception] = field(default_factory=dict)
    bad_uploads: dict[int, Exception] = field(default_factory=dict)

    def all(self, progress: Report | None) -> FoldSummary:
        """Slice after slice until nothing waits that can be counted."""
        with read(self.engine) as connection:
            newest = newest_batch(
                connection
            )  # what arrives meanwhile is for the next fold, or this one might never end
            total = rows_waiting(connection) if progress is not None else 0
        summary, races = FoldSummary(), 0
        while True:
            try:
                found = self._slice(newest)
            except LostRaceError:
                races += 1
                if races > MOST_RACES or not self.lease.acquire():
                    return summary + FoldSummary(busy=True)
                continue
            if found is None:
                return summary
            summary += found
            if progress is not None:
                progress(summary.predictions + summary.corrections, total)

    def _slice(self, newest: int) -> FoldSummary | None:
        """Count the oldest batches that wait; None when there are none."""
        before = self._finish_rebuilds() + self._count_uploads() + self._count_aside()
        with snapshot(self.engine) as connection, without_garbage_collection():
            batches = next_batches(connection, self.slice_rows, correction_weight=CORRECTION_WEIGHT, up_to=newest)
            if not batches.ids:
                return before if before != FoldSummary() else None
            counted = count_batches(connection, batches, failed=self.failures)
        with saving(self.engine, self.lease) as connection:
            if not mark_folded(connection, batches.ids, self.now):
                raise LostRaceError("another process folded the same batches")
            put_aside(connection, counted.failures, batches.ids)
            save(connection, counted.packed, self.now)
        self.failures |= counted.failures
        done = FoldSummary(len(batches.ids), counted.predictions, batches.corrections, counted.packed.windows)
        return before + done

    def _finish_rebuilds(self) -> FoldSummary:
        with read(self.engine) as connection:
            version_ids = rebuilding(connection)
        done = RebuildSummary()
        for version_id in (one for one in version_ids if one not in self.failures):
            with apart(self.failures, version_id):
                done += recount(self.engine, self.lease, version_id, self.now, slice_rows=self.slice_rows)
        return FoldSummary(recounted=done.predictions, uploaded=done.uploaded)

    def _count_uploads(self) -> FoldSummary:
        with read(self.engine) as connection:
            version_ids = waiting_versions(connection)
        uploaded = 0
        for version_id in (one for one in version_ids if one not in self.bad_uploads):
            with apart(self.bad_uploads, version_id):
                uploaded += count_uploads(self.engine, self.lease, version_id, self.now)
        return FoldSummary(uploaded=uploaded)

    def _count_aside(self) -> FoldSummary:
        """What earlier folds set aside of versions that can be counted again."""
        with read(self.engine) as connection:
            version_ids = versions_aside(connection)
        summary = FoldSummary()
        for version_id in (one for one in version_ids if one not in self.failures):
            while (found := self._aside_slice(version_id)) is not None:
                summary += found
        return summary

    def _aside_slice(self, version_id: int) -> FoldSummary | None:
        """Count the oldest part of the version that waits; None when there is none, or it still cannot be counted."""
        with snapshot(self.engine) as connection, without_garbage_collection():
            batches = next_aside(connection, version_id, self.slice_rows, correction_weight=CORRECTION_WEIGHT)
            if not batches.ids:
                return None
            counted = count_batches(connection, batches, failed={}, only=version_id)
        if counted.failures:
            self.failures |= counted.failures
            return None
        with saving(self.engine, self.lease) as connection:
            if not take_back(connection, version_id, batches.ids):
                raise LostRaceError("another process counted what was set aside")
            save(connection, counted.packed, self.now)
        return FoldSummary(predictions=counted.predictions, windows=counted.packed.windows)
