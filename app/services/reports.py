"""Reports as people ask for them, find them and read them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine

from app.core.authors import signed
from app.core.errors import ConflictError, InvalidError, NotFoundError, WatchkeeperError
from app.core.reports import ReportKind, ReportState
from app.services.read_models.choice import choose_version
from app.storage import reports as stored
from app.storage.catalogue import find_model, list_versions
from app.storage.engine import read, write


@dataclass(frozen=True, slots=True)
class Contents:
    """What a finished report says: a page, and its figures as JSON text."""

    html: str
    json: str


def request_report(
    engine: Engine,
    now: datetime,
    model: str,
    *,
    since: datetime,
    until: datetime,
    version: str | None = None,
    kind: str = ReportKind.DRIFT,
    reason: str = "",
) -> dict[str, Any]:
    """Ask for a report on the events of [since, until) against the reference; the worker makes it.

    `reason` says who or what asks. Raises NotFoundError on an unknown model or version, InvalidError on another kind or
    an empty span.
    """
    if kind not in set(ReportKind):
        raise InvalidError("kind", kind, f"allowed are {', '.join(ReportKind)}")
    if until <= since:
        raise InvalidError("until", until.isoformat(), f"it must be after since, which is {since.isoformat()}")
    with write(engine) as connection:
        found = find_model(connection, model)
        chosen = choose_version(connection, list_versions(connection, found.id), version)
        report_id = stored.add_report(connection, chosen.id, ReportKind(kind), since, until, now, reason)
        return _find(connection, report_id)


def list_reports(engine: Engine, model: str | None = None) -> list[dict[str, Any]]:
    """All reports, or a model's, the newest first: id, model, version, kind, since, until, state, reason, requested_at,
    started_at, finished_at, error, reference_rows, current_rows, sampling. Raises NotFoundError on an unknown model.
    """
    with read(engine) as connection:
        return stored.list_reports(connection, None if model is None else find_model(connection, model).id)


def find_report(engine: Engine, report_id: int) -> dict[str, Any]:
    """One of those rows. Raises NotFoundError when there is no such report."""
    with read(engine) as connection:
        return _find(connection, report_id)


def report_contents(engine: Engine, report_id: int) -> Contents:
    """The report itself. Raises NotFoundError, and WatchkeeperError while it is not there, with the reason."""
    with read(engine) as connection:
        about = _find(connection, report_id)
        html, json = stored.load_html(connection, report_id), stored.load_json(connection, report_id)
    if html is None or json is None:
        raise WatchkeeperError(f"report {report_id} {_standing(about)}")
    return Contents(html, json)


def call_off_report(engine: Engine, report_id: int, now: datetime, author: str) -> None:
    """End a report that waits or is being made; what a worker still makes of it is thrown away.

    Raises NotFoundError, InvalidError for the author, ConflictError for one that has ended.
    """
    author = signed(author)
    with write(engine) as connection:
        about = _find(connection, report_id)
        if not stored.call_off(connection, report_id, now, f"called off by {author}"):
            raise ConflictError(f"report {report_id} has ended already, it is {about['state']}")


def _find(connection: Connection, report_id: int) -> dict[str, Any]:
    found = stored.find_report(connection, report_id)
    if found is None:
        known = [str(row["id"]) for row in stored.list_reports(connection)]
        raise NotFoundError("report", str(report_id), known)
    return found


def _standing(about: dict[str, Any]) -> str:
    if about["state"] == ReportState.FAILED:
        return f"could not be made: {about['error']}"
    if about["state"] == ReportState.RUNNING:
        return "is being made"
    return "waits for the worker; `watchkeeper run` makes it now"
