"""API keys as rows: a digest instead of the key, and a hint to recognise it by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import Connection, insert, or_, select, update

from app.storage.tables import api_key


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known of a key; `revoked_at` is None while it is good.

    `last_used_at` None: it was not used since `uses_known_since`, or, where that is None, since it was made.
    """

    id: int
    name: str
    scope: str
    hint: str
    created_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None = None
    uses_known_since: datetime | None = None


_SHOWN = tuple(api_key.c[spec.name] for spec in fields(ApiKey))


def add_key(connection: Connection, name: str, scope: str, digest: str, hint: str, now: datetime) -> ApiKey:
    """Store a new key and return it with its id."""
    values = {"name": name, "scope": scope, "digest": digest, "hint": hint, "created_at": now}
    connection.execute(insert(api_key).values(values))
    row = connection.execute(select(*_SHOWN).where(api_key.c.digest == digest)).one()
    return ApiKey(*row)


def list_keys(connection: Connection) -> list[ApiKey]:
    """All keys, oldest first."""
    return [ApiKey(*row) for row in connection.execute(select(*_SHOWN).order_by(api_key.c.id))]


def good_keys(connection: Connection) -> list[tuple[str, str]]:
    """(digest, scope) of every key that is not revoked."""
    rows = connection.execute(select(api_key.c.digest, api_key.c.scope).where(api_key.c.revoked_at.is_(None)))
    return [(row.digest, row.scope) for row in rows]


def revoke_key(connection: Connection, key_id: int, now: datetime) -> None:
    """Mark a key as revoked; one that was revoked before keeps its time."""
    good = (api_key.c.id == key_id) & api_key.c.revoked_at.is_(None)
    connection.execute(update(api_key).where(good).values(revoked_at=now))


def note_uses(connection: Connection, uses: Mapping[str, datetime]) -> None:
    """Keep when the keys of these digests were used, unless a later use is known."""
    for digest, at in sorted(uses.items()):  # in one order, so that two collectors never wait for each other
        earlier = or_(api_key.c.last_used_at.is_(None), api_key.c.last_used_at < at)
        connection.execute(update(api_key).where(api_key.c.digest == digest, earlier).values(last_used_at=at))
