"""Rebuild: the profiles of a version counted anew from its stored rows and uploaded profiles, slice by slice.

A rebuild is requested in one transaction and then carried out by whoever folds next. Each slice saves its profiles and
how far it has come together, so that a rebuild that breaks off goes on where it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import Connection, Engine

from app.services.counting import (
    LostRaceError,
    Tally,
    apart,
    count_offline,
    count_predictions,
    fold_turn,
    pack,
    raise_failures,
    save,
    saving,
    without_garbage_collection,
)
from app.services.uploads import count_uploads
from app.storage.catalogue import find_model, find_version, list_models, list_versions
from app.storage.engine import read, snapshot, write
from app.storage.lease import Lease
from app.storage.offline_features import any_offline, offline_of
from app.storage.rebuilds import advance_rebuild, folded_rows, rebuilding, request_rebuild
from app.storage.recipes import load_recipes
from app.storage.stored_rows import corrections_of, folded_predictions

__all__ = ["RebuildSummary", "Report", "rebuild", "rebuild_version", "recount", "request_rebuild"]

SLICE_ROWS = 20_000
_WAIT_SECONDS = 0.2

Report: TypeAlias = Callable[[int, int], None]
"""Told after every slice: rows done, and rows there are in all."""


@dataclass(frozen=True, slots=True)
class RebuildSummary:
    """What was counted anew. `windows` are profiles saved, counting one again for each slice that touched it, and
    `uploaded` those that came as profiles.
    """

    versions: int = 0
    predictions: int = 0
    windows: int = 0
    uploaded: int = 0

    def __add__(self, other: RebuildSummary) -> RebuildSummary:
        return RebuildSummary(
            self.versions + other.versions,
            self.predictions + other.predictions,
            self.windows + other.windows,
            self.uploaded + other.uploaded,
        )


def rebuild(
    engine: Engine,
    *,
    now: datetime,
    model: str | None = None,
    version: str | None = None,
    progress: Report | None = None,
) -> RebuildSummary:
    """Count the profiles of all models anew, or those of one model or one of its versions. Returns when that is done.

    Raises NotFoundError for a model or version that does not exist; ExceptionGroup, once all others are counted, with
    the error of every version that could not be: its rebuild stays under way, and each fold tries to finish it.
    """
    with read(engine) as connection:
        chosen = _choose(connection, model, version)
    return _rebuild(engine, chosen, now, progress)


def rebuild_version(engine: Engine, version_id: int, now: datetime) -> RebuildSummary:
    """Count the profiles of one version anew. Returns when that is done."""
    return _rebuild(engine, [version_id], now, None)


def _choose(connection: Connection, model: str | None, version: str | None) -> list[int]:
    models = list_models(connection) if model is None else [find_model(connection, model)]
    if version is None:
        return [known.id for one in models for known in list_versions(connection, one.id)]
    return [find_version(connection, one.id, version).id for one in models]


def _rebuild(engine: Engine, version_ids: Sequence[int], now: datetime, progress: Report | None) -> RebuildSummary:
    with write(engine) as connection:
        for version_id in sorted(version_ids):
            request_rebuild(connection, version_id)
    summary, failures = RebuildSummary(), dict[int, Exception]()
    waiting = set(version_ids)
    while waiting:
        with fold_turn(engine) as lease:
            if lease is not None:
                # A race lost is no harm: what was not recounted is still waiting, and its turn comes again.
                with suppress(LostRaceError):
                    for version_id in sorted(waiting):
                        with apart(failures, version_id):
                            summary += recount(engine, lease, version_id, now, progress=progress)
        with read(engine) as connection:
            waiting &= set(rebuilding(connection)) - failures.keys()
        if waiting:  # another process folds: it does ours on its way, or leaves the turn to us
            time.sleep(_WAIT_SECONDS)
    raise_failures(engine, failures)
    return summary


def recount(
    engine: Engine,
    lease: Lease,
    version_id: int,
    now: datetime,
    *,
    slice_rows: int = SLICE_ROWS,
    progress: Report | None = None,
) -> RebuildSummary:
    """Carry a requested rebuild to its end, from wherever it stands. The caller has the turn to fold.

    Raises LostRaceError when the turn is lost, or the rebuild was requested again meanwhile.
    """
    total = 0
    if progress is not None:
        with read(engine) as connection:
            total = folded_rows(connection, version_id)
    # Uploads first: when the last row is counted, the rebuild is over, and its profiles are judged.
    summary = RebuildSummary(versions=1, uploaded=count_uploads(engine, lease, version_id, now))
    while (found := _recount_slice(engine, lease, version_id, now, slice_rows)) is not None:
        summary += found
        if progress is not None:
            progress(summary.predictions, total)
    return summary


def _recount_slice(
    engine: Engine, lease: Lease, version_id: int, now: datetime, slice_rows: int
) -> RebuildSummary | None:
    """Count the next rows; None when no rebuild is under way any more."""
    with snapshot(engine) as connection, without_garbage_collection():
        recipe = load_recipes(connection, [version_id]).get(version_id)
        if recipe is None or recipe.stamp.rebuild_position is None:
            return None
        position = recipe.stamp.rebuild_position
        tally, offline, ids = Tally(), any_offline(connection), list[int]()
        for rows in folded_predictions(
            connection, version_id, position, slice_rows, attributes=bool(recipe.attributes)
        ):
            said = corrections_of(connection, recipe.model_id, version_id, rows.ids)
            count_predictions(tally, recipe, rows, said)
            for computed in offline_of(connection, version_id, rows.ids) if offline else ():
                count_offline(tally, recipe, rows, computed)
            ids += rows.ids
        packed = pack(connection, tally)
    reached = ids[-1] if len(ids) == slice_rows else None
    with saving(engine, lease) as connection:
        if not advance_rebuild(connection, version_id, position, reached):
            raise LostRaceError("the rebuild was requested again")
        stamps = {version_id: replace(recipe.stamp, rebuild_position=reached)}
        save(connection, replace(packed, stamps=stamps), now)
    return RebuildSummary(0, len(ids), packed.windows)
