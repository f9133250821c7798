"""Policies of automatic rollback, and the alarms that they look at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from app.core.alerting import OPEN, State
from app.core.automatic_rollback import Alarm, RollbackPolicy
from app.core.severity import Severity
from app.storage.tables import alert, alert_transition, model, rollback_policy, version

_p = rollback_policy.c


@dataclass(frozen=True, slots=True)
class StoredRollbackPolicy:
    """A model's policy, by whom it was set and when."""

    model_id: int
    model: str
    policy: RollbackPolicy
    author: str
    set_at: datetime


def set_policy(connection: Connection, model_id: int, policy: RollbackPolicy, author: str, now: datetime) -> None:
    """Store the model's policy in the place of the one it had."""
    values = {
        "checks": list(policy.checks),
        "within_seconds": int(policy.within.total_seconds()),
        "author": author,
        "set_at": now,
    }
    changed = connection.execute(update(rollback_policy).where(_p.model_id == model_id).values(values))
    if not changed.rowcount:
        connection.execute(insert(rollback_policy).values(model_id=model_id, **values))


def remove_policy(connection: Connection, model_id: int) -> bool:
    """Remove the model's policy; whether there was one."""
    return connection.execute(delete(rollback_policy).where(_p.model_id == model_id)).rowcount == 1


def list_policies(connection: Connection, model_id: int | None = None) -> list[StoredRollbackPolicy]:
    """The policies of a model (None: of all models), by model."""
    query = select(rollback_policy, model.c.name).join(model, model.c.id == _p.model_id).order_by(model.c.name)
    rows = connection.execute(query if model_id is None else query.where(_p.model_id == model_id))
    return [_policy(row) for row in rows]


def alarms(connection: Connection, model_id: int, version_name: str) -> list[Alarm]:
    """The alerts about the version that fire, and when each began to."""
    a, t = alert.c, alert_transition.c
    fired_at = (
        select(func.max(t.at)).where(t.alert_id == a.id, t.new_state == State.FIRING.value).correlate(alert)
    ).scalar_subquery()
    rows = connection.execute(
        select(a.check, a.subject, a.segment, a.severity, fired_at.label("fired_at"))
        .join(version, version.c.id == a.version_id)
        .where(version.c.model_id == model_id, version.c.name == version_name, a.state.in_([s.value for s in OPEN]))
        .order_by(a.id)
    )
    return [
        Alarm(row.check, row.subject, Severity(row.severity), row.fired_at, row.segment) for row in rows if row.fired_at
    ]


def _policy(row: Row[Any]) -> StoredRollbackPolicy:
    policy = RollbackPolicy(tuple(row.checks), timedelta(seconds=row.within_seconds))
    return StoredRollbackPolicy(row.model_id, row.name, policy, row.author, row.set_at)
