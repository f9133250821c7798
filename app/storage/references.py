"""References: the layout that a version's values are binned by, and the profiles of the reference's own windows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from app.core.codec import decode_counts, decode_layout, encode_counts, encode_layout
from app.core.layout import Layout
from app.core.profile import FeatureCounts, OutcomeCounts, Profile
from app.storage.rebuilds import request_rebuild
from app.storage.segments import replace_values
from app.storage.tables import reference, reference_profile, reference_sample


@dataclass(frozen=True, slots=True)
class Reference:
    """What a version is compared with. `out_of_sample` None: nobody said."""

    layout: Layout
    rows: int
    has_timestamps: bool
    out_of_sample: bool | None
    digest: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ReferenceProfile:
    """One window of a reference; `window_start` None: the whole of a reference without timestamps."""

    window_start: datetime | None
    profile: Profile


@dataclass(frozen=True, slots=True)
class PackedReferenceProfile:
    """One window of a segment of a reference; `window_start` None: rows of any time, from which no limit is learnt."""

    segment: str
    window_start: datetime | None
    rows: int
    features: bytes
    outcomes: bytes


def find_reference(connection: Connection, version_id: int) -> Reference | None:
    """The version's reference, or None while it has none."""
    row = connection.execute(select(reference).where(reference.c.version_id == version_id)).one_or_none()
    if row is None:
        return None
    return Reference(
        decode_layout(row.layout), row.rows, row.has_timestamps, row.out_of_sample, row.digest, row.created_at
    )


def find_layout(connection: Connection, version_id: int) -> Layout | None:
    """How the version's values are binned; None while it has no reference."""
    text = connection.scalar(select(reference.c.layout).where(reference.c.version_id == version_id))
    return None if text is None else decode_layout(text)


def with_reference(connection: Connection, version_ids: Sequence[int]) -> set[int]:
    """Those of the versions that have a reference."""
    query = select(reference.c.version_id).where(reference.c.version_id.in_(version_ids))
    return set(connection.scalars(query))


def reference_rows(connection: Connection, version_ids: Sequence[int]) -> dict[int, int]:
    """How many rows the reference of each of the versions was made of; one without a reference is left out."""
    query = select(reference.c.version_id, reference.c.rows).where(reference.c.version_id.in_(version_ids))
    return {row.version_id: row.rows for row in connection.execute(query)}


@dataclass(frozen=True, slots=True)
class ReferenceWindow:
    """What is known of a window of a reference before it is read; `position` orders and names it."""

    position: int
    window_start: datetime | None
    rows: int


def reference_windows(connection: Connection, version_id: int, segment: str = "") -> list[ReferenceWindow]:
    """The windows of the version's reference, oldest first; empty while it has none. `segment` "": all rows."""
    columns = reference_profile.c
    query = select(columns.position, columns.window_start, columns.rows)
    mine = (columns.version_id == version_id, columns.segment == segment)
    rows = connection.execute(query.where(*mine).order_by(columns.position))
    return [ReferenceWindow(row.position, row.window_start, row.rows) for row in rows]


def reference_profiles(
    connection: Connection, version_id: int, segment: str = "", positions: Sequence[int] | None = None
) -> Iterator[ReferenceProfile]:
    """The version's reference, one window after another, oldest first: a year of hours need not fit into memory.

    `segment` "": all rows; `positions` chooses some of the windows.
    """
    columns = reference_profile.c
    query = select(reference_profile).where(columns.version_id == version_id, columns.segment == segment)
    if positions is not None:
        query = query.where(columns.position.in_(positions))
    rows = connection.execute(query.order_by(columns.position), execution_options={"yield_per": 16})
    for row in rows:
        features, outcomes = decode_counts(FeatureCounts, row.features), decode_counts(OutcomeCounts, row.outcomes)
        yield ReferenceProfile(row.window_start, Profile(features, outcomes))


def replace(
    connection: Connection,
    version_id: int,
    new: Reference,
    windows: Sequence[ReferenceProfile],
    segments: Sequence[PackedReferenceProfile] = (),
    values: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Give the version this reference in place of any other, with the windows of its `segments`.

    `values`: of each attribute those that have a segment; all other ones lose theirs.

    What the version served was binned and judged by the old one, so it is to be counted anew: see `request_rebuild`.
    """
    request_rebuild(connection, version_id)
    replace_values(connection, version_id, values or {})
    for table in (reference_sample, reference_profile, reference):
        connection.execute(delete(table).where(table.c.version_id == version_id))
    connection.execute(
        insert(reference).values(
            version_id=version_id,
            layout=encode_layout(new.layout),
            rows=new.rows,
            has_timestamps=new.has_timestamps,
            out_of_sample=new.out_of_sample,
            digest=new.digest,
            created_at=new.created_at,
        )
    )
    rows = [_row(version_id, n, window) for n, window in enumerate(windows)]
    rows += [_segment_row(version_id, n, window) for n, window in enumerate(segments, len(windows))]
    connection.execute(insert(reference_profile), rows)


def _row(version_id: int, position: int, window: ReferenceProfile) -> dict[str, object]:
    return {
        "version_id": version_id,
        "position": position,
        "window_start": window.window_start,
        "rows": window.profile.rows,
        "features": encode_counts(window.profile.features),
        "outcomes": encode_counts(window.profile.outcomes),
        "segment": "",
    }


def _segment_row(version_id: int, position: int, window: PackedReferenceProfile) -> dict[str, object]:
    return {"version_id": version_id, "position": position, **asdict(window)}
