"""Silences: kept for good, with who made and who ended them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from app.core.silences import WEEKDAYS, Matcher, Silence, Weekly
from app.storage.tables import silence


@dataclass(frozen=True, slots=True)
class StoredSilence:
    """A silence, when it was made, and how it ended: `ended_by` is empty where it was not ended before its time."""

    id: int
    silence: Silence
    created_at: datetime
    ended_at: datetime | None = None
    ended_by: str = ""


def add_silence(connection: Connection, new: Silence, now: datetime) -> int:
    """Store a silence; its id."""
    values: dict[str, Any] = {
        **asdict(new.matcher),
        "author": new.author,
        "comment": new.comment,
        "starts_at": new.starts,
        "expires_at": new.expires,
        "created_at": now,
    }
    if new.weekly:
        values |= {
            "weekly_days": ",".join(WEEKDAYS[day] for day in sorted(new.weekly.days)),
            "weekly_at": f"{new.weekly.at:%H:%M}",
            "weekly_minutes": int(new.weekly.duration.total_seconds()) // 60,
            "zone": new.weekly.zone,
        }
    identity: int = connection.execute(insert(silence).values(values).returning(silence.c.id)).scalar_one()
    return identity


def list_silences(connection: Connection) -> list[StoredSilence]:
    """All silences that there ever were, the oldest first."""
    return [_stored(row) for row in connection.execute(select(silence).order_by(silence.c.id))]


def standing(connection: Connection) -> Sequence[Silence]:
    """All silences as `app.core.silences.hush` takes them: those that have ended count, since their end is told."""
    return [stored.silence for stored in list_silences(connection)]


def end_silence(connection: Connection, identity: int, now: datetime, author: str) -> bool:
    """Let the silence hold no longer; False when it had been ended before."""
    mine = (silence.c.id == identity) & silence.c.ended_at.is_(None)
    return connection.execute(update(silence).where(mine).values(ended_at=now, ended_by=author)).rowcount == 1


def _stored(row: Row[Any]) -> StoredSilence:
    values = row._mapping
    matcher = Matcher(**{spec.name: values[spec.name] for spec in fields(Matcher)})
    ends = [end for end in (row.expires_at, row.ended_at) if end]
    kept = Silence(matcher, row.starts_at, min(ends, default=None), row.author, row.comment, _weekly(row))
    return StoredSilence(row.id, kept, row.created_at, row.ended_at, row.ended_by)


def _weekly(row: Row[Any]) -> Weekly | None:
    if not row.weekly_days:
        return None
    days = frozenset(WEEKDAYS.index(day) for day in row.weekly_days.split(","))
    return Weekly(days, time.fromisoformat(row.weekly_at), timedelta(minutes=row.weekly_minutes), row.zone)
