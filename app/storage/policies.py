"""Retraining policies and what their decisions rest on: past requests, alerts that fire, new labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, or_, select, update

from app.core.calendars import parse_calendar
from app.core.retraining import Policy
from app.core.severity import Severity
from app.storage.acting_tables import retraining_policy, target
from app.storage.alerts import begins_to_fire, is_open
from app.storage.tables import (
    alert,
    alert_transition,
    correction,
    measurement,
    model,
    version,
)
from app.storage.targets import StoredTarget

RETRAINING = "retraining"


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    """A model's policy, and the target of its requests."""

    model_id: int
    project: str
    model: str
    policy: Policy
    target: StoredTarget


@dataclass(frozen=True, slots=True)
class Firing:
    """An alert that began to fire and still is in breach. `value` and `limit` are those of the moment it began."""

    transition_id: int
    version_id: int
    version: str
    check: str
    severity: Severity
    subject: str
    segment: str | None
    value: float | None
    limit: float | None
    statistic: str
    reason: str
    window_start: datetime


def set_policy(connection: Connection, model_id: int, policy: Policy, target_id: int, now: datetime) -> None:
    """Store the model's policy in the place of the one it had."""
    values = {
        "checks": list(policy.checks),
        "cooldown_seconds": int(policy.cooldown.total_seconds()),
        "minimum_new_labels": policy.minimum_new_labels,
        "target_id": target_id,
        "minimum_severity": policy.minimum_severity.value,
        "budget": policy.budget,
        "calendar": policy.calendar.text if policy.calendar else "",
        "ask_first": policy.ask_first,
        "segments": policy.segments,
        "timeout_seconds": int(policy.timeout.total_seconds()),
        "training_window_seconds": int(policy.training_window.total_seconds()),
        "created_at": now,
    }
    changed = connection.execute(
        update(retraining_policy).where(retraining_policy.c.model_id == model_id).values(values)
    )
    if not changed.rowcount:
        connection.execute(insert(retraining_policy).values(model_id=model_id, **values))


def list_policies(connection: Connection) -> list[StoredPolicy]:
    """All policies, by model."""
    rows = connection.execute(_policies().order_by(model.c.project, model.c.name))
    return [_policy(row) for row in rows]


def find_policy(connection: Connection, model_id: int) -> StoredPolicy | None:
    """The model's policy, or None."""
    row = connection.execute(_policies().where(model.c.id == model_id)).one_or_none()
    return None if row is None else _policy(row)


def remove_policy(connection: Connection, model_id: int) -> bool:
    """Remove the model's policy; whether there was one."""
    return connection.execute(delete(retraining_policy).where(retraining_policy.c.model_id == model_id)).rowcount == 1


def lock_policy(connection: Connection, model_id: int) -> bool:
    """Make others wait who want to decide for the model; False when it has no policy any more."""
    query = select(retraining_policy.c.model_id).where(retraining_policy.c.model_id == model_id)
    return connection.execute(query.with_for_update()).one_or_none() is not None


def firing(connection: Connection, model_id: int, checks: Sequence[str], after: int) -> list[Firing]:
    """Alerts of the checks that began to fire in a transition later than `after` and still do; the newest first.

    News of an improvement are none of them.
    """
    t, m = alert_transition.c, measurement.c
    newest = select(func.max(t.id)).where(t.alert_id == alert.c.id, begins_to_fire()).correlate(alert).scalar_subquery()
    statistic = (
        select(m.statistic)
        .where(
            m.version_id == alert.c.version_id,
            m.check == alert.c.check,
            m.subject == alert.c.subject,
            m.segment == alert.c.segment,
            m.window_start == t.window_start,
        )
        .correlate(alert, alert_transition)
        .scalar_subquery()
    )
    rows = connection.execute(
        select(alert_transition, alert, version.c.name, func.coalesce(statistic, "").label("statistic"))
        .join(alert, alert.c.id == t.alert_id)
        .join(version, version.c.id == alert.c.version_id)
        .where(version.c.model_id == model_id, alert.c.check.in_(checks), is_open())
        .where(alert.c.severity != Severity.INFO.value)
        .where(t.id == newest, t.id > after)
        .order_by(t.id.desc())
    )
    return [_firing(row) for row in rows]


def new_labels(connection: Connection, model_id: int, since: datetime | None) -> int:
    """How many of the model's predictions got a label said after `since` (None: ever)."""
    c = correction.c
    labelled = or_(c.label_class.is_not(None), c.label_value.is_not(None))
    query = select(func.count(c.prediction_id.distinct())).where(c.model_id == model_id, labelled)
    if since is not None:
        query = query.where(c.said_at > since)
    return connection.execute(query).scalar_one()


def _policies() -> Any:
    t = target.c
    columns = (t.name.label("target"), t.preset, t.config)
    return (
        select(retraining_policy, model.c.project, model.c.name, *columns)
        .join(model, model.c.id == retraining_policy.c.model_id)
        .join(target, t.id == retraining_policy.c.target_id)
    )


def _policy(row: Row[Any]) -> StoredPolicy:
    policy = Policy(
        tuple(row.checks),
        timedelta(seconds=row.cooldown_seconds),
        row.minimum_new_labels,
        Severity(row.minimum_severity),
        row.budget,
        parse_calendar(row.calendar),
        row.ask_first,
        row.segments,
        timedelta(seconds=row.timeout_seconds),
        timedelta(seconds=row.training_window_seconds),
    )
    asked = StoredTarget(row.target_id, row.target, row.preset, row.config)
    return StoredPolicy(row.model_id, row.project, row.name, policy, asked)


def _firing(row: Row[Any]) -> Firing:
    t, a = alert_transition.c, alert.c
    values = row._mapping
    return Firing(
        transition_id=values[t.id],
        version_id=values[a.version_id],
        version=values[version.c.name],
        check=values[a.check],
        severity=Severity(values[a.severity]),
        subject=values[a.subject],
        segment=values[a.segment] or None,
        value=values[t.value],
        limit=values[t.limit],
        statistic=values["statistic"],
        reason=values[t.reason],
        window_start=values[t.window_start],
    )
