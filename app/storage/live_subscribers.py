"""Targets that are told of changes of what is live."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from app.storage.tables import action, live_subscriber, target

_s = live_subscriber.c
KINDS = ("live_changed", "rollback_drill")


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A target that is told, by whom it was named, and how the newest thing that it was told stands."""

    target_id: int
    target: str
    author: str
    since: datetime
    state: str = ""
    last_error: str = ""


def add(connection: Connection, model_id: int, target_id: int, author: str, now: datetime) -> None:
    """Store a subscriber, once."""
    mine = select(_s.target_id).where(_s.model_id == model_id, _s.target_id == target_id)
    if connection.execute(mine).one_or_none() is None:
        values = {"model_id": model_id, "target_id": target_id, "author": author, "created_at": now}
        connection.execute(insert(live_subscriber).values(values))


def remove(connection: Connection, model_id: int, target_id: int) -> bool:
    """Remove a subscriber; whether there was one."""
    mine = (_s.model_id == model_id) & (_s.target_id == target_id)
    return connection.execute(delete(live_subscriber).where(mine)).rowcount == 1


def of_model(connection: Connection, model_id: int) -> list[Subscriber]:
    """The model's subscribers, by name."""
    rows = connection.execute(
        select(live_subscriber, target.c.name)
        .join(target, target.c.id == _s.target_id)
        .where(_s.model_id == model_id)
        .order_by(target.c.name)
    )
    return [
        Subscriber(row.target_id, row.name, row.author, row.created_at, *_newest(connection, model_id, row.target_id))
        for row in rows.all()
    ]


def _newest(connection: Connection, model_id: int, target_id: int) -> tuple[str, str]:
    a = action.c
    row = connection.execute(
        select(a.state, a.last_error)
        .where(a.model_id == model_id, a.target_id == target_id, a.kind.in_(KINDS))
        .order_by(a.id.desc())
        .limit(1)
    ).one_or_none()
    return ("", "") if row is None else (row.state, row.last_error)
