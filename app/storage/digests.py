"""Digests that were written: one row for each time at which one was due."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects import postgresql, sqlite

from app.storage.tables import alert_transition, digest


def last_digest(connection: Connection) -> tuple[datetime, datetime] | None:
    """When the newest one was due, and up to when it tells; None before the first."""
    row = connection.execute(select(digest.c.due, digest.c.until).order_by(digest.c.due.desc()).limit(1)).one_or_none()
    return None if row is None else (row.due, row.until)


def claim_digest(connection: Connection, due: datetime, since: datetime, until: datetime) -> bool:
    """Write down that the digest of that time is written; False when somebody else was first."""
    dialect_insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    values = {"due": due, "since": since, "until": until}
    written = connection.execute(dialect_insert(digest).values(values).on_conflict_do_nothing().returning(digest.c.due))
    return written.one_or_none() is not None


def fired_since(connection: Connection, since: datetime) -> set[int]:
    """Ids of the alerts that began to fire from then on; who takes one in hand or gives it back begins nothing."""
    change = alert_transition.c
    query = select(func.distinct(change.alert_id)).where(
        change.at >= since, change.new_state == "firing", change.old_state.in_(["resolved", "pending"])
    )
    return set(connection.scalars(query))
