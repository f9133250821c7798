"""Channels as they are configured: a name, a kind and the values of its fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, exists, insert, select, update

from app.core.delivery import Off
from app.core.errors import NotFoundError
from app.storage.tables import channel


@dataclass(frozen=True, slots=True)
class StoredChannel:
    """A configured channel. Secrets in `config` are references; `off` is None while it is on."""

    id: int
    name: str
    kind: str
    config: Mapping[str, Any]
    off: Off | None = None


def add_channel(connection: Connection, name: str, kind: str, config: Mapping[str, Any], now: datetime) -> None:
    """Store a channel. The name must be free."""
    values = {"name": name, "kind": kind, "config": dict(config), "created_at": now}
    connection.execute(insert(channel).values(values))


def list_channels(connection: Connection) -> list[StoredChannel]:
    """All channels, by name."""
    return [_channel(row) for row in connection.execute(select(channel).order_by(channel.c.name))]


def find_channel(connection: Connection, name: str, *, to_change: bool = False) -> StoredChannel:
    """The channel of that name; `to_change`: as it is once nobody else changes it, until the transaction ends.

    Raises NotFoundError with the names there are.
    """
    query = select(channel).where(channel.c.name == name)
    row = connection.execute(query.with_for_update(key_share=True) if to_change else query).one_or_none()
    if row is None:
        raise NotFoundError("channel", name, [known.name for known in list_channels(connection)])
    return _channel(row)


def channel_by_id(connection: Connection, channel_id: int) -> StoredChannel | None:
    """The channel of that id; None when it has been removed."""
    row = connection.execute(select(channel).where(channel.c.id == channel_id)).one_or_none()
    return None if row is None else _channel(row)


def set_config(connection: Connection, channel_id: int, config: Mapping[str, Any]) -> None:
    """Give a channel other values; what waits for it stays."""
    connection.execute(update(channel).where(channel.c.id == channel_id).values(config=dict(config)))


def lock_channels(connection: Connection, channel_ids: Iterable[int]) -> None:
    """Keep everybody else from changing several messages of these channels until the transaction ends.

    Whoever changes more than one message of a channel asks for this before the first: two that lock the same messages
    in different orders would wait for each other. Messages may be added, and claimed one by one, meanwhile.
    """
    rows = select(channel.c.id).where(channel.c.id.in_(sorted(channel_ids))).order_by(channel.c.id)
    connection.execute(rows.with_for_update(key_share=True)).all()


def lock_all(connection: Connection) -> None:
    """The same for all channels, for those who change messages of one after another."""
    lock_channels(connection, connection.scalars(select(channel.c.id)))


def switch_off(connection: Connection, channel_id: int, off: Off) -> None:
    """Nothing is sent to the channel any more."""
    values = {"off_since": off.since, "off_by": off.by, "off_reason": off.reason}
    connection.execute(update(channel).where(channel.c.id == channel_id).values(values))


def switch_on(connection: Connection, channel_id: int) -> None:
    """The channel is sent to again."""
    values = {"off_since": None, "off_by": "", "off_reason": ""}
    connection.execute(update(channel).where(channel.c.id == channel_id).values(values))


def is_on(channel_id: ColumnElement[int]) -> ColumnElement[bool]:
    """A condition: the channel of that id is not off."""
    return exists(select(channel.c.id).where(channel.c.id == channel_id, channel.c.off_since.is_(None)))


def remove_channel(connection: Connection, channel_id: int) -> None:
    """Remove a channel with everything that waits for it."""
    connection.execute(delete(channel).where(channel.c.id == channel_id))


def _channel(row: Row[Any]) -> StoredChannel:
    return StoredChannel(row.id, row.name, row.kind, row.config, off_of(row))


def off_of(row: Row[Any]) -> Off | None:
    """From the columns of a channel; None while it is on."""
    return None if row.off_since is None else Off(row.off_since, row.off_by, row.off_reason)
