"""What each version of a model did on the requests that it answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import Connection, Engine

from app.core.labels import labelled, realised_quality
from app.core.model import Model, Task, Version
from app.core.profile import OutcomeCounts
from app.storage.catalogue import find_model, list_versions
from app.storage.engine import snapshot
from app.storage.evaluations import daily_outcomes_between, outcomes_between

MEASURES = {Task.BINARY: "accuracy", Task.MULTICLASS: "accuracy", Task.REGRESSION: "mae"}


@dataclass(frozen=True, slots=True)
class VersionRecord:
    """A version's `predictions` from the window `first` to `last` (of hours that are rolled up, their day), how many of
    them have a label, and the realised quality of those; None where too few have one.
    """

    version: str
    stage: str
    first: datetime
    last: datetime
    predictions: int
    labelled: int
    measure: str
    quality: float | None


def version_records(engine: Engine, model: str, since: datetime, until: datetime) -> list[VersionRecord]:
    """The versions that answered anything in the windows that start in [since, until), in the order of their first.

    Hours that are rolled up to days come as whole days, also where the span begins or ends amid one. Raises
    NotFoundError for the model.
    """
    with snapshot(engine) as connection:
        found = find_model(connection, model)
        records = [_record(connection, found, one, since, until) for one in list_versions(connection, found.id)]
    return sorted((one for one in records if one is not None), key=lambda one: one.first)


def _record(
    connection: Connection, model: Model, version: Version, since: datetime, until: datetime
) -> VersionRecord | None:
    hours = outcomes_between(connection, version.id, since, until)
    days = daily_outcomes_between(connection, version.id, since, until)
    windows = [*days.items(), *((start, outcomes) for start, (_, outcomes) in hours.items())]
    served = [(start, outcomes) for start, outcomes in windows if outcomes.rows]
    if not served:
        return None
    starts, counts = zip(*served, strict=True)
    total = OutcomeCounts.stack(counts).sum()
    return VersionRecord(
        *(version.name, version.stage.value, min(starts), max(starts)),
        *(int(total.rows), int(labelled(total)), MEASURES[model.task], _quality(model.task, total)),
    )


def _quality(task: Task, total: OutcomeCounts) -> float | None:
    value = float(realised_quality(task, OutcomeCounts.stack([total]))[MEASURES[task]][0])
    return None if np.isnan(value) else value
