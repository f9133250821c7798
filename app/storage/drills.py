"""Drills as they ran, and the logged predictions that a version has to repeat."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, or_, select, update

from app.core.drills import Drill, DrillState, Logged
from app.core.model import Version
from app.storage.tables import batch, drill, model, prediction, version

_d, _p = drill.c, prediction.c


def add_drill(connection: Connection, tried: Version, rows: int, author: str, now: datetime, deadline: datetime) -> int:
    """Store a drill that begins; its id."""
    values = {
        "model_id": tried.model_id,
        "version_id": tried.id,
        "state": DrillState.RUNNING.value,
        "author": author,
        "started_at": now,
        "deadline": deadline,
        "rows": rows,
    }
    made: int = connection.execute(insert(drill).values(values).returning(_d.id)).scalar_one()
    return made


def find_drill(connection: Connection, drill_id: int, *, lock: bool = False) -> Drill | None:
    """The drill of that number, or None. `lock`: nobody else ends it until the transaction does."""
    query = _drills().where(_d.id == drill_id)
    row = connection.execute(query.with_for_update(of=drill) if lock else query).one_or_none()
    return None if row is None else _drill(row)


def list_drills(connection: Connection, model_id: int | None = None, most: int = 100) -> list[Drill]:
    """The newest drills of a model (None: of every model), the newest first."""
    query = _drills() if model_id is None else _drills().where(_d.model_id == model_id)
    return [_drill(row) for row in connection.execute(query.order_by(_d.id.desc()).limit(most))]


def running(connection: Connection, names: Collection[str], project: str = "default") -> dict[str, Drill]:
    """The drill that runs of each of these models, by name."""
    query = _drills().where(
        _d.state == DrillState.RUNNING.value, model.c.project == project, model.c.name.in_(list(names))
    )
    return {row.model: _drill(row) for row in connection.execute(query.order_by(_d.id))}


def overdue(connection: Connection, now: datetime) -> list[Drill]:
    """Drills that run beyond their deadline."""
    query = _drills().where(_d.state == DrillState.RUNNING.value, _d.deadline <= now)
    return [_drill(row) for row in connection.execute(query.order_by(_d.id))]


def mark_asked(connection: Connection, drill_id: int, now: datetime) -> None:
    """The serving side fetched the rows; the first time counts."""
    connection.execute(update(drill).where(_d.id == drill_id, _d.asked_at.is_(None)).values(asked_at=now))


def finish(
    connection: Connection, drill_id: int, state: DrillState, reason: str, now: datetime, answered_at: datetime | None
) -> bool:
    """End a drill that runs; whether this call did."""
    values: dict[str, Any] = {"state": state.value, "reason": reason, "finished_at": now, "answered_at": answered_at}
    mine = (_d.id == drill_id) & (_d.state == DrillState.RUNNING.value)
    return connection.execute(update(drill).where(mine).values(values)).rowcount == 1


def call_off(connection: Connection, drill_id: int, author: str, reason: str, now: datetime) -> None:
    """End a drill that runs without a result."""
    values = {
        "state": DrillState.CALLED_OFF.value,
        "reason": reason,
        "called_off_by": author,
        "finished_at": now,
    }
    mine = (_d.id == drill_id) & (_d.state == DrillState.RUNNING.value)
    connection.execute(update(drill).where(mine).values(values))


def logged(connection: Connection, version_id: int, most: int, by: datetime) -> list[Logged]:
    """Predictions of the version that can be repeated: those with an answer to compare, the same ones each time.

    Only what was received until `by`: what a version in shadow logs meanwhile nobody was asked to repeat.
    In the order of their key, which finds them at once however long the history is: ids are mostly random.
    """
    answered = or_(_p.score.is_not(None), _p.predicted_class.is_not(None), _p.predicted_value.is_not(None))
    rows = connection.execute(
        select(_p.prediction_id, _p.features, _p.score, _p.predicted_class, _p.predicted_value)
        .join(batch, batch.c.id == _p.batch_id)
        .where(_p.version_id == version_id, answered, batch.c.created_at <= by)
        .order_by(_p.prediction_id)
        .limit(most)
    )
    return [Logged(*row) for row in rows]


def _drills() -> Select[Any]:
    return (
        select(drill, version.c.name.label("version"), model.c.name.label("model"))
        .join(version, version.c.id == _d.version_id)
        .join(model, model.c.id == _d.model_id)
    )


def _drill(row: Row[Any]) -> Drill:
    names = ("id", "model", "version", "author", "started_at", "deadline", "asked_at", "answered_at", "finished_at")
    values = row._mapping
    return Drill(
        state=DrillState(row.state),
        rows=values["rows"],
        reason=row.reason,
        called_off_by=row.called_off_by,
        **{name: values[name] for name in names},
    )
