"""Profiles as rows: read, and saved only over the revision that was read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Table, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from app.core.codec import decode_counts
from app.core.profile import FeatureCounts, OutcomeCounts
from app.storage.tables import daily_profile, profile, version


@dataclass(frozen=True, slots=True)
class StoredProfile:
    """A profile as it was read; `features` is None when they were not asked for."""

    revision: int
    outcomes: OutcomeCounts
    features: FeatureCounts | None


@dataclass(frozen=True, slots=True)
class PackedProfile:
    """A profile to be saved in place of `revision`; 0: as a new one. `features` None: they stay as they are.

    `daily`: of a whole day whose hours are rolled up, kept apart from those of windows.
    """

    version_id: int
    segment: str
    window_start: datetime
    revision: int
    rows: int
    outcomes: bytes
    features: bytes | None
    daily: bool = False


def load_profile(
    connection: Connection,
    version_id: int,
    segment: str,
    window_start: datetime,
    *,
    features: bool,
    daily: bool = False,
) -> StoredProfile | None:
    """The version's profile of that window, or rolled-up day, and segment ("": the whole); None while there is none."""
    table = _table(daily)
    columns = [table.c.revision, table.c.outcomes, *([table.c.features] if features else [])]
    query = select(*columns).where(
        table.c.version_id == version_id, table.c.segment == segment, table.c.window_start == window_start
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    counts = decode_counts(FeatureCounts, row.features) if features else None
    return StoredProfile(row.revision, decode_counts(OutcomeCounts, row.outcomes), counts)


def save_profile(connection: Connection, packed: PackedProfile, now: datetime) -> bool:
    """Save it; False when somebody else saved that window since it was read (the caller must roll back)."""
    table = _table(packed.daily)
    values = {"rows": packed.rows, "outcomes": packed.outcomes, "updated_at": now}
    if packed.features is not None:
        values["features"] = packed.features
    key = {"version_id": packed.version_id, "segment": packed.segment, "window_start": packed.window_start}
    if not packed.revision:
        try:
            connection.execute(insert(table).values(**key, **values, revision=1))
        except IntegrityError:
            return False
        return True
    as_read = [table.c[name] == value for name, value in key.items()] + [table.c.revision == packed.revision]
    saved = connection.execute(update(table).where(*as_read).values(**values, revision=packed.revision + 1))
    return saved.rowcount == 1


def delete_profiles(connection: Connection, version_id: int) -> None:
    """Forget all profiles of a version; its windows have profiles of their own again, however old."""
    connection.execute(delete(profile).where(profile.c.version_id == version_id))
    connection.execute(delete(daily_profile).where(daily_profile.c.version_id == version_id))
    nothing = {"daily_since": None, "daily_until": None, "daily_segments": "{}"}
    connection.execute(update(version).where(version.c.id == version_id).values(**nothing))


def _table(daily: bool) -> Table:
    return daily_profile if daily else profile
