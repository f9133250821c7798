"""Uploaded profiles: stored once, and counted into the version's profiles once since its last rebuild."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update

from app.core.codec import decode_counts
from app.core.profile import FeatureCounts, OutcomeCounts, Profile
from app.storage.row_ids import among
from app.storage.tables import uploaded_profile, uploaded_source

_SOURCES_PER_QUERY = 500


@dataclass(frozen=True, slots=True)
class UploadedWindow:
    """One window of an upload, packed by the codec."""

    start: datetime
    rows: int
    features: bytes
    outcomes: bytes


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A stored window of an upload that waits to be counted."""

    id: int
    start: datetime
    profile: Profile


def uploads_of(connection: Connection, version_id: int, layout_digest: str, sources: Sequence[str]) -> dict[str, str]:
    """The upload (its digest) that holds each of the sources; those that none holds are left out."""
    found: dict[str, str] = {}
    column = uploaded_source.c
    for at in range(0, len(sources), _SOURCES_PER_QUERY):
        query = select(column.source, column.upload).where(
            column.version_id == version_id,
            column.layout_digest == layout_digest,
            column.source.in_(sources[at : at + _SOURCES_PER_QUERY]),
        )
        found |= {row.source: row.upload for row in connection.execute(query)}
    return found


def add_upload(
    connection: Connection,
    version_id: int,
    upload: str,
    layout_digest: str,
    sources: Iterable[str],
    windows: Sequence[UploadedWindow],
    now: datetime,
) -> None:
    """Store an upload. Raises sqlalchemy's IntegrityError when one of its sources is there already."""
    key = {"version_id": version_id, "upload": upload, "layout_digest": layout_digest}
    connection.execute(insert(uploaded_source), [{**key, "source": source} for source in sources])
    rows = [
        {
            **key,
            "window_start": window.start,
            "rows": window.rows,
            "created_at": now,
            "outcomes": window.outcomes,
            "features": window.features,
        }
        for window in windows
    ]
    connection.execute(insert(uploaded_profile), rows)


def waiting_versions(connection: Connection) -> list[int]:
    """Ids of the versions with uploads that are not counted."""
    waiting = uploaded_profile.c.counted_at.is_(None)
    return list(connection.scalars(select(uploaded_profile.c.version_id).where(waiting).distinct()))


def uncounted(connection: Connection, version_id: int, layout_digest: str, most: int) -> list[Uploaded]:
    """The oldest windows, at most so many, that wait to be counted by that layout."""
    column = uploaded_profile.c
    query = (
        select(column.id, column.window_start, column.outcomes, column.features)
        .where(column.version_id == version_id, column.layout_digest == layout_digest, column.counted_at.is_(None))
        .order_by(column.id)
        .limit(most)
    )
    return [
        Uploaded(
            row.id,
            row.window_start,
            Profile(decode_counts(FeatureCounts, row.features), decode_counts(OutcomeCounts, row.outcomes)),
        )
        for row in connection.execute(query)
    ]


def mark_counted(connection: Connection, ids: Sequence[int], now: datetime) -> bool:
    """Mark the windows; False when any of them is counted already or gone."""
    waiting = among(connection, uploaded_profile.c.id, ids), uploaded_profile.c.counted_at.is_(None)
    return connection.execute(update(uploaded_profile).where(*waiting).values(counted_at=now)).rowcount == len(ids)


def rows_left_out(connection: Connection, version_id: int, layout_digest: str) -> int:
    """Rows of uploads that have another layout than that, and so cannot be counted by it."""
    column = uploaded_profile.c
    other = (column.version_id == version_id) & (column.layout_digest != layout_digest)
    return int(connection.scalar(select(func.sum(column.rows)).where(other)) or 0)
