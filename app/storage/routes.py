"""Routes: ordered rules for who hears of what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from app.core.routing import Route, RouteMatch
from app.core.severity import Severity
from app.storage.tables import route


def add_route(connection: Connection, new: Route, position: int, author: str, now: datetime) -> int:
    """Store a rule at that position, 1 being the first; its id."""
    values = {**_values(new, author, now), "position": 0}
    identity: int = connection.execute(insert(route).values(values).returning(route.c.id)).scalar_one()
    move_route(connection, identity, position)
    return identity


def set_route(connection: Connection, identity: int, new: Route, author: str, now: datetime) -> None:
    """Let a rule be this one; it stands where it stood."""
    connection.execute(update(route).where(route.c.id == identity).values(_values(new, author, now)))


def _values(new: Route, author: str, now: datetime) -> dict[str, Any]:
    return {
        **asdict(new.match),
        "channels": list(new.channels),
        "digest": new.digest,
        "go_on": new.go_on,
        "repeat_seconds": _seconds(new.repeat),
        "escalate_seconds": _seconds(new.escalate_after),
        "escalate_to": list(new.escalate_to),
        "author": author,
        "created_at": now,
    }


def list_routes(connection: Connection) -> list[Route]:
    """All rules, in order."""
    return [_route(dict(row)) for row in connection.execute(_in_order()).mappings()]


def lock_route(connection: Connection, identity: int) -> Route | None:
    """A rule, which nobody else changes until the transaction ends; None when there is none."""
    lock_routes(connection)  # it may be moved in the same transaction, which changes the others, too
    row = connection.execute(select(route).where(route.c.id == identity)).mappings().one_or_none()
    return None if row is None else _route(dict(row))


def authors(connection: Connection) -> dict[int, tuple[str, datetime]]:
    """Who added each rule or changed it last, and when, by its id."""
    return {row.id: (row.author, row.created_at) for row in connection.execute(_in_order())}


def remove_route(connection: Connection, identity: int) -> bool:
    """Remove a rule; False when there is none."""
    return connection.execute(delete(route).where(route.c.id == identity)).rowcount == 1


def move_route(connection: Connection, identity: int, position: int) -> None:
    """Let the rule stand at that position, and number all of them anew."""
    lock_routes(connection)
    order = [row.id for row in connection.execute(_in_order()) if row.id != identity]
    order.insert(position - 1, identity)
    for number, other in enumerate(order, start=1):
        connection.execute(update(route).where(route.c.id == other).values(position=number))


def lock_routes(connection: Connection) -> None:
    """Before any of them is changed, and in one order: two who move rules at once would wait for each other."""
    connection.execute(select(route.c.id).order_by(route.c.id).with_for_update()).all()


def _in_order() -> Any:
    return select(route).order_by(route.c.position, route.c.id)


def _seconds(duration: timedelta | None) -> int | None:
    return None if duration is None else int(duration.total_seconds())


def _duration(seconds: int | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def _route(row: Mapping[str, Any]) -> Route:
    names: Sequence[str] = [spec.name for spec in fields(RouteMatch) if spec.name != "severity"]
    severity = None if row["severity"] is None else Severity(row["severity"])
    return Route(
        match=RouteMatch(**{name: row[name] for name in names}, severity=severity),
        channels=tuple(row["channels"]),
        digest=row["digest"],
        go_on=row["go_on"],
        repeat=_duration(row["repeat_seconds"]),
        escalate_after=_duration(row["escalate_seconds"]),
        escalate_to=tuple(row["escalate_to"]),
        id=row["id"],
    )
