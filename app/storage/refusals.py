"""Requests that collectors turned away: a row per hour and reason."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete
from sqlalchemy.dialects import postgresql, sqlite

from app.storage.tables import refusal

KEPT = timedelta(days=7)


def add_refusals(connection: Connection, now: datetime, new: Mapping[str, int]) -> None:
    """Add the numbers to those of the hour, and forget hours of long ago."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    rows = [{"hour": hour, "reason": reason, "requests": count} for reason, count in sorted(new.items())]
    added = dialect.insert(refusal)
    more = {"requests": refusal.c.requests + added.excluded.requests}
    connection.execute(added.on_conflict_do_update(index_elements=[refusal.c.hour, refusal.c.reason], set_=more), rows)
    connection.execute(delete(refusal).where(refusal.c.hour < now - KEPT))
