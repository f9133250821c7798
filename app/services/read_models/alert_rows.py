"""Alerts as rows: what fires, since when, how bad and why, what to do, and whether the message about it arrived."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, Table, and_, func, select

from app.core.alerting import State
from app.core.causes import Reading, excess_of
from app.core.model import Outcome
from app.core.severity import Severity
from app.core.silences import Identity, Matcher, hush
from app.core.urgency import urgency
from app.storage import silences, tables
from app.storage.alerts import is_open
from app.storage.catalogue import find_model
from app.storage.engine import read

_alert, _transition, _measurement = tables.alert.c, tables.alert_transition.c, tables.measurement.c
_INTERNAL = {
    *("version_id", "fingerprint", "notification_id", "closed_window"),
    *("told_state", "told_severity", "heard_at", "alarmed_at", "told_at"),
}
"""What only the worker needs to know of an alert."""


def alerts(
    engine: Engine, now: datetime | None = None, *, model: str | None = None, all_: bool = False
) -> list[dict[str, Any]]:
    """The open alerts, or with `all_` every alert there ever was: open ones first, the worst first of these.

    A row holds id, model and version (None: it is about Watchkeeper itself), check, subject, segment (None for the
    whole), state, status (the state, or `no data`, or `silenced` at `now`), severity, since, changed_at, judged_window,
    value, limit, reason, no_data_at, acknowledged_by, acknowledged_at, acknowledged_comment, resolved_by and
    resolved_comment (of what was resolved by hand), silenced_by, escalated_at, transitions (how many); of the window
    that it rests on window_end, normal, statistic, expected_rate and excess, which says how many times its limit the
    value lies away from normal; and of the last message about it advice, notified_at and deliveries [{channel, kind,
    state, attempts, last_error, next_attempt_at, delivered_at}]. Raises
    NotFoundError on an unknown model.
    """
    with read(engine) as connection:
        mine = None if model is None else tables.model.c.id == find_model(connection, model).id
        wanted = [condition for condition in (mine, None if all_ else is_open()) if condition is not None]
        return alert_rows(connection, wanted, now or datetime.now(UTC))


def open_alerts_that_fit(engine: Engine, matcher: Matcher) -> list[int]:
    """The ids of the open alerts that a silence would mean, whether or not it holds by now."""
    with read(engine) as connection:
        rows = _alerts(connection, [is_open()])
    return [row["id"] for row in rows if matcher.fits(_identity(row))]


def _identity(row: Mapping[str, Any]) -> Identity:
    return Identity(**{spec.name: row[spec.name] or "" for spec in fields(Identity)})


def history_of(connection: Connection, identity: int) -> list[dict[str, Any]]:
    """The changes of an alert, the oldest first: {at, old_state, new_state, reason, value, limit, told_at}, where
    `told_at` is when people were told of that change.
    """
    names = ("at", "old_state", "new_state", "reason", "value", "limit")
    query = (
        select(*(_transition[name] for name in names), tables.notification.c.created_at.label("told_at"))
        .join_from(tables.alert_transition, tables.notification, isouter=True)
        .where(_transition.alert_id == identity)
        .order_by(_transition.id)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def alert_rows(connection: Connection, wanted: Sequence[ColumnElement[bool]], now: datetime) -> list[dict[str, Any]]:
    """The rows of `alerts` that all of `wanted` hold for."""
    rows = _alerts(connection, wanted)
    messages = _last_messages(connection, [row["id"] for row in rows])
    deliveries = deliveries_of(connection, {message.notification_id for message in messages.values()})
    standing = silences.standing(connection)
    for row in rows:
        message = messages.get(row["id"])
        row["advice"] = message.message.get("advice", "") if message else ""
        row["notified_at"] = message.created_at if message else None
        row["deliveries"] = deliveries.get(message.notification_id, []) if message else []
        by = hush(standing, _identity(row), now).by
        row["silenced_by"] = by.words if by else ""
        row["status"] = _status(row)
        del row["project"]
    return rows


def _status(row: Mapping[str, Any]) -> str:
    if row["state"] == State.RESOLVED.value:
        return State.RESOLVED.value
    return "silenced" if row["silenced_by"] else "no data" if row["no_data_at"] else row["state"]


def _alerts(connection: Connection, wanted: Sequence[ColumnElement[bool]]) -> list[dict[str, Any]]:
    transitions = (
        select(func.count()).where(_transition.alert_id == _alert.id).correlate(tables.alert).scalar_subquery()
    )
    query = (
        select(
            tables.model.c.project,
            tables.model.c.name.label("model"),
            tables.version.c.name.label("version"),
            *(column for column in _alert if column.key not in _INTERNAL),
            transitions.label("transitions"),
            *(_measurement[name] for name in ("window_end", "normal", "statistic", "expected_rate")),
        )
        .select_from(tables.alert.outerjoin(tables.version).outerjoin(tables.model).outerjoin(*_judged()))
        .where(*wanted)
    )
    rows = [_row(dict(row)) for row in connection.execute(query).mappings()]
    return sorted(rows, key=lambda row: (not State(row["state"]).open, _worst_first(row)))


def _judged() -> tuple[Table, ColumnElement[bool]]:
    """The measurement that an alert rests on."""
    series = ("version_id", "check", "subject", "segment")
    same = and_(*(_measurement[name] == _alert[name] for name in series))
    return tables.measurement, and_(same, _measurement.window_start == _alert.judged_window)


def _row(found: Mapping[str, Any]) -> dict[str, Any]:
    names = ("check", "subject", "value", "limit", "normal")
    check, subject, *numbers = (found[name] for name in names)
    excess = excess_of(Reading(check, subject, Outcome.BREACH, *numbers)) or 0.0
    return {**found, "segment": found["segment"] or None, "excess": excess}


def _worst_first(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return *urgency(Severity(row["severity"]), row["excess"], row["subject"], row["segment"] or ""), row["id"]


def _last_messages(connection: Connection, alert_ids: list[int]) -> dict[int, Row[*tuple[Any, ...]]]:
    """The last notification of each alert, by alert."""
    notification = tables.notification.c
    query = select(
        _alert.id.label("alert_id"), _alert.notification_id, notification.message, notification.created_at
    ).join_from(tables.alert, tables.notification, notification.id == _alert.notification_id)
    return {row.alert_id: row for row in connection.execute(query.where(_alert.id.in_(alert_ids)))}


def deliveries_of(connection: Connection, notification_ids: Iterable[int]) -> dict[int, list[dict[str, Any]]]:
    """What became of each notification, channel by channel."""
    delivery, channel = tables.delivery.c, tables.channel.c
    query = (
        select(
            delivery.notification_id,
            channel.name.label("channel"),
            channel.kind,
            delivery.state,
            delivery.attempts,
            delivery.last_error,
            delivery.next_attempt_at,
            delivery.delivered_at,
        )
        .join_from(tables.delivery, tables.channel)
        .where(delivery.notification_id.in_(sorted(notification_ids)))
        .order_by(channel.name)
    )
    found: dict[int, list[dict[str, Any]]] = {}
    for row in connection.execute(query).mappings():
        values = dict(row)
        found.setdefault(values.pop("notification_id"), []).append(values)
    return found
