"""Reports: asked for, claimed, finished, kept for a while."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, delete, insert, select, update

from app.core.reports import ReportKind, ReportState
from app.storage.tables import model, report, version

_r = report.c
_ABOUT = [column for column in _r if column.key not in {"json", "html", "version_id"}]


@dataclass(frozen=True, slots=True)
class ClaimedReport:
    """A report that is to be made by whoever claimed it."""

    id: int
    version_id: int
    kind: ReportKind
    since: datetime
    until: datetime


def add_report(
    connection: Connection,
    version_id: int,
    kind: ReportKind,
    since: datetime,
    until: datetime,
    now: datetime,
    reason: str = "",
) -> int:
    """Ask for a report on the events of [since, until); its id."""
    values = {
        "version_id": version_id,
        "kind": kind.value,
        "since": since,
        "until": until,
        "state": ReportState.REQUESTED.value,
        "reason": reason,
        "requested_at": now,
    }
    identity: int = connection.execute(insert(report).values(values).returning(_r.id)).scalar_one()
    return identity


def requested_since(connection: Connection, version_id: int, kind: ReportKind, time: datetime) -> bool:
    """Whether such a report was asked for at that time or later."""
    query = select(_r.id).where(_r.version_id == version_id, _r.kind == kind.value, _r.requested_at >= time).limit(1)
    return connection.scalar(query) is not None


def claim(connection: Connection, now: datetime) -> ClaimedReport | None:
    """The report that has waited longest, from now on running; None when none waits."""
    waiting = (
        select(report)
        .where(_r.state == ReportState.REQUESTED.value)
        .order_by(_r.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = connection.execute(waiting).one_or_none()
    if row is None:
        return None
    running = {"state": ReportState.RUNNING.value, "started_at": now}
    connection.execute(update(report).where(_r.id == row.id).values(running))
    return ClaimedReport(row.id, row.version_id, ReportKind(row.kind), row.since, row.until)


def finish(
    connection: Connection,
    report_id: int,
    now: datetime,
    *,
    html: str,
    json: str,
    sampling: str,
    reference_rows: int,
    current_rows: int,
) -> None:
    """Keep a report that was made, unless nobody wants it any more."""
    values = {
        "state": ReportState.DONE.value,
        "finished_at": now,
        "html": zlib.compress(html.encode()),
        "json": json,
        "sampling": sampling,
        "reference_rows": reference_rows,
        "current_rows": current_rows,
    }
    wanted = (_r.id == report_id) & (_r.state != ReportState.FAILED.value)
    connection.execute(update(report).where(wanted).values(values))


def fail(connection: Connection, report_id: int, now: datetime, error: str) -> None:
    """Record why a report was not made, unless it was called off: then that stays the reason."""
    values = {"state": ReportState.FAILED.value, "finished_at": now, "error": error}
    wanted = (_r.id == report_id) & (_r.state != ReportState.FAILED.value)
    connection.execute(update(report).where(wanted).values(values))


def call_off(connection: Connection, report_id: int, now: datetime, why: str) -> bool:
    """End a report that waits or is being made; False when it had ended before."""
    going = _r.state.in_([ReportState.REQUESTED.value, ReportState.RUNNING.value])
    values = {"state": ReportState.FAILED.value, "finished_at": now, "error": why}
    return connection.execute(update(report).where(_r.id == report_id, going).values(values)).rowcount == 1


def abandoned(connection: Connection, before: datetime) -> Sequence[int]:
    """The reports that have been running since before that time."""
    query = select(_r.id).where(_r.state == ReportState.RUNNING.value, _r.started_at < before)
    return connection.scalars(query).all()


def prune(connection: Connection, version_id: int, keep: int) -> None:
    """Remove all reports of the version that are finished, but for the newest `keep`."""
    ended = [ReportState.DONE.value, ReportState.FAILED.value]
    kept = select(_r.id).where(_r.version_id == version_id, _r.state.in_(ended)).order_by(_r.id.desc()).limit(keep)
    newest = connection.scalars(kept).all()
    connection.execute(delete(report).where(_r.version_id == version_id, _r.state.in_(ended), _r.id.not_in(newest)))


def list_reports(connection: Connection, model_id: int | None = None) -> list[dict[str, Any]]:
    """What is known of each report without its contents, the newest first."""
    query = _about().order_by(_r.id.desc())
    if model_id is not None:
        query = query.where(model.c.id == model_id)
    return [dict(row) for row in connection.execute(query).mappings()]


def find_report(connection: Connection, report_id: int) -> dict[str, Any] | None:
    """The same of one report; None when there is none of that id."""
    row = connection.execute(_about().where(_r.id == report_id)).mappings().one_or_none()
    return None if row is None else dict(row)


def _about() -> Select[Any]:
    names = [model.c.name.label("model"), version.c.name.label("version")]
    return select(_r.id, *names, *_ABOUT[1:]).select_from(report.join(version).join(model))


def load_html(connection: Connection, report_id: int) -> str | None:
    """The page of a finished report."""
    packed = connection.scalar(select(_r.html).where(_r.id == report_id))
    return None if packed is None else zlib.decompress(packed).decode()


def load_json(connection: Connection, report_id: int) -> str | None:
    """The figures of a finished report, as JSON text."""
    return connection.scalar(select(_r.json).where(_r.id == report_id))
