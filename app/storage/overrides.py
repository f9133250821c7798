"""Limits that people set: kept for good, with who set and who removed them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from app.core.overrides import Override
from app.storage.tables import limit_override


@dataclass(frozen=True, slots=True)
class StoredOverride:
    """An override, and how it ended: `removed_by` and `removal_reason` are empty while it holds."""

    id: int
    override: Override
    removed_by: str
    removal_reason: str


def add_override(connection: Connection, model_id: int, new: Override) -> None:
    """Store an override."""
    values = {
        "model_id": model_id,
        "check": new.check,
        "subject": new.subject,
        "segment": new.segment,
        "limit": new.limit,
        "author": new.author,
        "reason": new.reason,
        "set_at": new.since,
    }
    connection.execute(insert(limit_override).values(values))


def list_overrides(connection: Connection, model_id: int) -> list[StoredOverride]:
    """All overrides that the model ever had, the oldest first."""
    query = select(limit_override).where(limit_override.c.model_id == model_id).order_by(limit_override.c.id)
    return [_stored(row) for row in connection.execute(query)]


def end_override(connection: Connection, identity: int, now: datetime, author: str, reason: str) -> bool:
    """Let the override hold no longer; False when it had ended before."""
    ended = connection.execute(
        update(limit_override)
        .where(limit_override.c.id == identity, limit_override.c.removed_at.is_(None))
        .values(removed_at=now, removed_by=author, removal_reason=reason)
    )
    return ended.rowcount == 1


def _stored(row: Row[Any]) -> StoredOverride:
    override = Override(
        row.check, row.subject, row.segment, row.limit, row.author, row.reason, row.set_at, row.removed_at
    )
    return StoredOverride(row.id, override, row.removed_by, row.removal_reason)
