"""Alerts as rows: what fires, since when and why, what to do, and whether the message about it arrived."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, select

from app.storage import tables
from app.storage.alerts import is_open
from app.storage.catalogue import find_model
from app.storage.engine import read

_alert, _transition = tables.alert.c, tables.alert_transition.c


def alerts(engine: Engine, *, model: str | None = None, all_: bool = False) -> list[dict[str, Any]]:
    """The open alerts, or with `all_` every alert there ever was: firing ones first, then the latest change first.

    A row holds model and version (None: it is about Watchkeeper itself), check, subject, segment (None for the whole),
    state, severity, since, changed_at, judged_window, value, limit, reason, transitions (how many), and of the last
    message about it: advice, notified_at and deliveries [{channel, kind, state, attempts, last_error, next_attempt_at,
    delivered_at}]. Raises NotFoundError on an unknown model.
    """
    with read(engine) as connection:
        rows = _alerts(connection, model, all_)
        messages = _last_messages(connection, [row["id"] for row in rows])
        deliveries = _deliveries(connection, {message.notification_id for message in messages.values()})
    for row in rows:
        message = messages.get(row.pop("id"))
        row["advice"] = message.message.get("advice", "") if message else ""
        row["notified_at"] = message.created_at if message else None
        row["deliveries"] = deliveries.get(message.notification_id, []) if message else []
    return rows


def _alerts(connection: Connection, model: str | None, all_: bool) -> list[dict[str, Any]]:
    transitions = (
        select(func.count()).where(_transition.alert_id == _alert.id).correlate(tables.alert).scalar_subquery()
    )
    query = (
        select(
            tables.model.c.name.label("model"),
            tables.version.c.name.label("version"),
            *(column for column in _alert if column.key not in {"version_id", "fingerprint"}),
            transitions.label("transitions"),
        )
        .select_from(tables.alert.outerjoin(tables.version).outerjoin(tables.model))
        .order_by(~is_open(), _alert.changed_at.desc(), _alert.check, _alert.subject)
    )
    if model is not None:
        query = query.where(tables.model.c.id == find_model(connection, model).id)
    if not all_:
        query = query.where(is_open())
    return [{**row, "segment": row["segment"] or None} for row in connection.execute(query).mappings()]


def _last_messages(connection: Connection, alert_ids: list[int]) -> dict[int, Row[*tuple[Any, ...]]]:
    """The last notification of each alert, by alert."""
    notification = tables.notification.c
    query = select(
        _alert.id.label("alert_id"), _alert.notification_id, notification.message, notification.created_at
    ).join_from(tables.alert, tables.notification, notification.id == _alert.notification_id)
    return {row.alert_id: row for row in connection.execute(query.where(_alert.id.in_(alert_ids)))}


def _deliveries(connection: Connection, notification_ids: Iterable[int]) -> dict[int, list[dict[str, Any]]]:
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
