"""What evaluation reads and writes: windows by state, profile parts, measurements."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, delete, func, insert, select, update

from app.core.codec import decode_counts
from app.core.fold import WHOLE
from app.core.model import Measurement, Outcome, Window
from app.core.profile import FeatureCounts, OutcomeCounts
from app.storage.tables import daily_profile, measurement, profile
from app.storage.verdict_counts import count_verdicts


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a version has been judged: starts of windows, and a time; None where there is none."""

    changed: datetime | None  # the oldest of the asked windows whose profile changed since it was judged
    judged: datetime | None  # the newest judged window
    judged_at: datetime | None  # when that one was judged


def oldest_windows(
    connection: Connection, version_id: int, before: datetime, most: int, segment: str = WHOLE
) -> Sequence[datetime]:
    """The starts of up to `most` stored windows, the oldest first, of those that start before `before`.

    A day whose hours are rolled up is told by its first and its last hour.
    """
    start, days = profile.c.window_start, daily_profile.c
    here = _part(version_id, segment), start < before
    found = connection.scalars(select(start).where(*here).order_by(start).limit(most))
    rolled_up = (days.version_id == version_id, days.segment == segment, days.window_start < before)
    whole_days = connection.scalars(
        select(days.window_start).where(*rolled_up).order_by(days.window_start).limit(most)
    ).all()
    hours = {day + hour for day in whole_days for hour in (timedelta(0), timedelta(hours=23))}
    return sorted({*found, *hours})[:most]


def newest_windows(connection: Connection, version_ids: Collection[int]) -> dict[int, datetime]:
    """The start of the newest stored window of each version that has one: one look into the index each."""
    start, version = profile.c.window_start, profile.c.version_id
    mine = (version.in_(version_ids), profile.c.segment == WHOLE)
    rows = connection.execute(select(version, func.max(start).label("newest")).where(*mine).group_by(version))
    return {row.version_id: row.newest for row in rows}


def progress(connection: Connection, version_id: int, first: datetime, before: datetime) -> Progress:
    """How far the version has been judged; of its stored windows, those that start in [first, before) count."""
    start = profile.c.window_start
    changed = connection.scalar(
        select(func.min(start)).where(
            _part(version_id), profile.c.revision != profile.c.evaluated_revision, start >= first, start < before
        )
    )
    newest = (
        select(measurement.c.window_start, measurement.c.evaluated_at)
        .where(measurement.c.version_id == version_id, measurement.c.segment == WHOLE)
        .order_by(measurement.c.window_start.desc())
        .limit(1)
    )
    judged = connection.execute(newest).one_or_none()
    return Progress(changed, judged and judged.window_start, judged and judged.evaluated_at)


def outcomes_between(
    connection: Connection, version_id: int, start: datetime, end: datetime, segment: str = WHOLE
) -> dict[datetime, tuple[int, OutcomeCounts]]:
    """Revision and outcome counts of the stored windows that start in [start, end)."""
    query = select(profile.c.window_start, profile.c.revision, profile.c.outcomes).where(
        _part(version_id, segment), profile.c.window_start >= start, profile.c.window_start < end
    )
    return {
        row.window_start: (row.revision, decode_counts(OutcomeCounts, row.outcomes))
        for row in connection.execute(query)
    }


def daily_outcomes_between(
    connection: Connection, version_id: int, start: datetime, end: datetime, segment: str = WHOLE
) -> dict[datetime, OutcomeCounts]:
    """Outcome counts of the days that overlap [start, end) and whose hours are rolled up, by their midnight."""
    days = daily_profile.c
    query = select(days.window_start, days.outcomes).where(
        days.version_id == version_id,
        days.segment == segment,
        days.window_start > start - timedelta(days=1),
        days.window_start < end,
    )
    return {row.window_start: decode_counts(OutcomeCounts, row.outcomes) for row in connection.execute(query)}


def features_between(
    connection: Connection, version_id: int, start: datetime, end: datetime, segment: str = WHOLE
) -> dict[datetime, FeatureCounts]:
    """Feature counts of the stored windows that start in [start, end)."""
    query = select(profile.c.window_start, profile.c.features).where(
        _part(version_id, segment), profile.c.window_start >= start, profile.c.window_start < end
    )
    return {row.window_start: decode_counts(FeatureCounts, row.features) for row in connection.execute(query)}


def judged(
    connection: Connection,
    version_id: int,
    since: datetime | None,
    checks: Collection[str] = (),
    segment: str = WHOLE,
) -> list[Measurement]:
    """What was found of the whole, or of a segment, in the windows that start at `since` or later, oldest first.

    `since` None: in the newest window. `checks`: of these only.
    """
    found = measurement.c
    part = and_(found.version_id == version_id, found.segment == segment)
    if since is None:
        newest = select(func.max(found.window_start)).where(part).scalar_subquery()
        query = select(measurement).where(part, found.window_start == newest)
    else:
        query = select(measurement).where(part, found.window_start >= since)
    if checks:
        query = query.where(found.check.in_(checks))
    return [_measurement(row) for row in connection.execute(query.order_by(found.window_start, found.id))]


def judged_segments(connection: Connection, version_id: int) -> list[str]:
    """The segments that anything was found of in the newest judged window, by name."""
    found = measurement.c
    newest = select(func.max(found.window_start)).where(found.version_id == version_id).scalar_subquery()
    query = select(found.segment).where(
        found.version_id == version_id, found.window_start == newest, found.segment != WHOLE
    )
    return list(connection.scalars(query.distinct().order_by(found.segment)))


def judged_subjects(connection: Connection, version_id: int, check: str, segment: str) -> list[str]:
    """The subjects of the check in the newest window in which it was asked, for all rows or a segment, by name."""
    found = measurement.c
    part = and_(found.version_id == version_id, found.check == check, found.segment == segment)
    newest = select(func.max(found.window_start)).where(part).scalar_subquery()
    query = select(found.subject).where(part, found.window_start == newest)
    return list(connection.scalars(query.distinct().order_by(found.subject)))


def replace_measurements(
    connection: Connection,
    version_id: int,
    found: Sequence[Measurement],
    start: datetime,
    end: datetime,
    now: datetime,
    *,
    segments: Sequence[str] = (WHOLE,),
) -> None:
    """Store what was found for the windows that start in [start, end), in place of what stood there of the segments."""
    window = measurement.c.window_start
    inside = and_(window >= start, window < end, measurement.c.segment.in_(segments))
    connection.execute(delete(measurement).where(measurement.c.version_id == version_id, inside))
    if found:
        connection.execute(insert(measurement), [_row(version_id, one, now) for one in found])
    if WHOLE in segments:
        count_verdicts(connection, version_id, start, end)


def mark_judged(connection: Connection, version_id: int, revisions: Mapping[datetime, int]) -> None:
    """Record up to which revision each window was judged; one that changed meanwhile stays due."""
    statement = (
        update(profile)
        .where(_part(version_id), profile.c.window_start == bindparam("start"))
        .values(evaluated_revision=bindparam("judged"))
    )
    if revisions:
        rows = [{"start": start, "judged": revision} for start, revision in revisions.items()]
        connection.execute(statement, rows)


def _part(version_id: int, segment: str = WHOLE) -> ColumnElement[bool]:
    return and_(profile.c.version_id == version_id, profile.c.segment == segment)


def _row(version_id: int, one: Measurement, now: datetime) -> dict[str, Any]:
    return {
        "version_id": version_id,
        "check": one.check,
        "subject": one.subject,
        "segment": one.segment or "",
        "window_start": one.window.start,
        "window_end": one.window.end,
        "value": one.value,
        "limit": one.limit,
        "lower": one.lower,
        "upper": one.upper,
        "normal": one.normal,
        "outcome": one.outcome.value,
        "reason": one.reason,
        "statistic": one.statistic,
        "expected_rate": one.expected_rate,
        "evaluated_at": now,
    }


def _measurement(row: Row[Any]) -> Measurement:
    return Measurement(
        check=row.check,
        subject=row.subject,
        window=Window(row.window_start, row.window_end),
        statistic=row.statistic,
        outcome=Outcome(row.outcome),
        value=row.value,
        limit=row.limit,
        reason=row.reason,
        segment=row.segment or None,
        lower=row.lower,
        upper=row.upper,
        expected_rate=row.expected_rate,
        normal=row.normal,
    )
