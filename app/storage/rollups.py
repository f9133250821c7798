"""Hours that are rolled up into days: how far a version is, and the hours that wait to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, delete, func, select, update

from app.core.codec import decode_counts
from app.core.profile import FeatureCounts, OutcomeCounts, Profile
from app.storage.tables import profile, version


@dataclass(frozen=True, slots=True)
class StoredHour:
    """The profile of an hour, as it was read."""

    segment: str
    window_start: datetime
    revision: int
    profile: Profile


@dataclass(frozen=True, slots=True)
class Days:
    """Hours in [since, until) are counted by day; of `segments` (see recipes) from a later time on."""

    since: datetime
    until: datetime
    segments: str


def newest_hour(connection: Connection, version_id: int, before: datetime) -> datetime | None:
    """The newest stored hour that starts before then."""
    start = profile.c.window_start
    query = select(func.max(start)).where(profile.c.version_id == version_id, start < before)
    found: datetime | None = connection.scalar(query)
    return found


def oldest_unjudged(connection: Connection, version_id: int, since: datetime) -> datetime | None:
    """The oldest hour, of those that start at `since` or later, that was not judged as it is now."""
    changed = profile.c.revision != profile.c.evaluated_revision, profile.c.segment == ""
    query = select(func.min(profile.c.window_start)).where(
        profile.c.version_id == version_id, profile.c.window_start >= since, *changed
    )
    found: datetime | None = connection.scalar(query)
    return found


def move_on(connection: Connection, version_id: int, seen: datetime | None, days: Days) -> bool:
    """From now on hours are counted by day as `days` say; False when it is no longer `seen` that ends them.

    Nor may a rebuild be under way: it counts every hour by itself, and their turn to be rolled up comes again.
    """
    as_seen = version.c.daily_until.is_(None) if seen is None else version.c.daily_until == seen
    there = and_(version.c.id == version_id, version.c.rebuild_position.is_(None), as_seen)
    values = {"daily_since": days.since, "daily_until": days.until, "daily_segments": days.segments}
    return connection.execute(update(version).where(there).values(**values)).rowcount == 1


def segments(connection: Connection, version_id: int) -> list[str]:
    """The segments, the whole among them, that the version has hours of."""
    return list(connection.scalars(select(profile.c.segment).where(profile.c.version_id == version_id).distinct()))


def next_hours(
    connection: Connection, version_id: int, segment: str, since: datetime, until: datetime
) -> list[StoredHour]:
    """The profiles of the first day of the segment that stand by the hour in [since, until), where none should."""
    mine = and_(profile.c.version_id == version_id, profile.c.segment == segment)
    start = profile.c.window_start
    first = connection.scalar(select(func.min(start)).where(mine, start >= since, start < until))
    if first is None:
        return []
    day = first.replace(hour=0)
    rows = connection.execute(select(profile).where(mine, start >= day, start < day + timedelta(days=1)))
    return [
        StoredHour(
            row.segment,
            row.window_start,
            row.revision,
            Profile(decode_counts(FeatureCounts, row.features), decode_counts(OutcomeCounts, row.outcomes)),
        )
        for row in rows
    ]


def delete_hours(connection: Connection, version_id: int, hours: Sequence[StoredHour]) -> bool:
    """Forget the profiles; False when one of them is no longer as it was read (the caller must roll back)."""
    gone = 0
    for hour in hours:
        as_read = (
            profile.c.version_id == version_id,
            profile.c.segment == hour.segment,
            profile.c.window_start == hour.window_start,
            profile.c.revision == hour.revision,
        )
        gone += connection.execute(delete(profile).where(*as_read)).rowcount
    return gone == len(hours)
