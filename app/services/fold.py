"""The fold: batches and uploaded profiles that were stored are counted into profiles, each exactly once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import Connection, Engine

from app.services.counting import (
    LostRaceError,
    Packed,
    Said,
    Tally,
    count_corrections,
    count_offline,
    count_predictions,
    fold_turn,
    pack,
    save,
    saving,
    without_garbage_collection,
)
from app.services.rebuild import recount
from app.services.uploads import count_uploads
from app.storage.engine import read, snapshot
from app.storage.lease import Lease
from app.storage.offline_features import any_offline, offline_of
from app.storage.rebuilds import rebuilding
from app.storage.recipes import Recipe, load_recipes
from app.storage.segments import any_segmented
from app.storage.stored_rows import (
    compared_predictions,
    corrections_of,
    corrections_of_batches,
    counted_predictions,
    fresh_predictions,
)
from app.storage.unfolded import Batches, mark_folded, newest_batch, next_batches, rows_waiting
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
    or counted twice.
    """
    with fold_turn(engine) as lease:
        return FoldSummary(busy=True) if lease is None else _fold(engine, lease, now, slice_rows, progress)


def _fold(engine: Engine, lease: Lease, now: datetime, slice_rows: int, progress: Report | None) -> FoldSummary:
    with read(engine) as connection:
        newest = newest_batch(connection)  # what arrives meanwhile is for the next fold, or this one might never end
        total = rows_waiting(connection) if progress is not None else 0
    summary, races = FoldSummary(), 0
    while True:
        try:
            found = _fold_slice(engine, lease, now, slice_rows, newest)
        except LostRaceError:
            races += 1
            if races > MOST_RACES or not lease.acquire():
                return summary + FoldSummary(busy=True)
            continue
        if found is None:
            return summary
        summary += found
        if progress is not None:
            progress(summary.predictions + summary.corrections, total)


def _fold_slice(engine: Engine, lease: Lease, now: datetime, slice_rows: int, newest: int) -> FoldSummary | None:
    """Count the oldest batches that wait; None when there are none."""
    before = _finish_rebuilds(engine, lease, now, slice_rows) + _count_uploads(engine, lease, now)
    with snapshot(engine) as connection, without_garbage_collection():
        batches = next_batches(connection, slice_rows, correction_weight=CORRECTION_WEIGHT, up_to=newest)
        if not batches.ids:
            return before if before != FoldSummary() else None
        packed = _count(connection, batches)
    with saving(engine, lease) as connection:
        if not mark_folded(connection, batches.ids, now):
            raise LostRaceError("another process folded the same batches")
        save(connection, packed, now)
    done = FoldSummary(len(batches.ids), batches.predictions, batches.corrections, packed.windows)
    return before + done


def _finish_rebuilds(engine: Engine, lease: Lease, now: datetime, slice_rows: int) -> FoldSummary:
    with read(engine) as connection:
        version_ids = rebuilding(connection)
    done = [recount(engine, lease, one, now, slice_rows=slice_rows) for one in version_ids]
    return FoldSummary(recounted=sum(one.predictions for one in done), uploaded=sum(one.uploaded for one in done))


def _count_uploads(engine: Engine, lease: Lease, now: datetime) -> FoldSummary:
    with read(engine) as connection:
        version_ids = waiting_versions(connection)
    return FoldSummary(uploaded=sum(count_uploads(engine, lease, one, now) for one in version_ids))


def _count(connection: Connection, batches: Batches) -> Packed:
    """What the batches change: their own predictions, and earlier ones that their corrections are about."""
    tally, recipes = Tally(), dict[int, Recipe]()
    attributes, offline = any_segmented(connection), any_offline(connection)
    # Corrections count with their prediction, whichever came first: so all of them are looked up here, not only those
    # of these batches, and those of these batches need nothing while their prediction waits.
    said = dict[int, Said]()
    for version_id, rows in fresh_predictions(connection, batches.ids, attributes=attributes):
        recipe = _recipe(connection, recipes, version_id)
        if version_id not in said:
            said[version_id] = corrections_of_batches(connection, recipe.model_id, version_id, batches.ids)
        count_predictions(tally, recipe, rows, said[version_id])
        for computed in offline_of(connection, version_id, rows.ids, batches.ids) if offline else ():
            count_offline(tally, recipe, rows, computed)
    if batches.corrections:
        for version_id, rows in counted_predictions(connection, batches.ids, attributes=attributes):
            recipe = _recipe(connection, recipes, version_id)
            about = corrections_of(connection, recipe.model_id, version_id, rows.ids)
            count_corrections(tally, recipe, rows, about)
    if batches.offline:
        for version_id, rows in compared_predictions(connection, batches.ids, attributes=attributes):
            recipe = _recipe(connection, recipes, version_id)
            for computed in offline_of(connection, version_id, rows.ids, batches.ids):
                count_offline(tally, recipe, rows, computed)
    if any(recipe.stamp.rebuild_position is not None for recipe in recipes.values()):
        raise LostRaceError("a rebuild was requested")
    return pack(connection, tally)


def _recipe(connection: Connection, known: dict[int, Recipe], version_id: int) -> Recipe:
    if version_id not in known:
        known |= load_recipes(connection, [version_id])
    return known[version_id]
