"""Reports that alerts ask for: of the windows in breach, when quality or skew is about to be told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from app.core.alerting import State
from app.core.causes import EXPLAINED, CauseKind
from app.core.reports import ReportKind
from app.storage import reports
from app.storage.alerts import Transition

AT_MOST_EVERY = timedelta(days=1)


def request_reports(
    connection: Connection, version_id: int, transitions: Sequence[Transition], now: datetime
) -> dict[str, int]:
    """Ask for a report for each check that begins to fire and has causes; the report's id by check.

    Of one kind at most one is asked for in AT_MOST_EVERY, whichever check asks first.
    """
    asked: dict[str, int] = {}
    for check in dict.fromkeys(one.finding.check for one in transitions if one.new is State.FIRING):
        if check not in EXPLAINED:
            continue
        kind = ReportKind.QUALITY if CauseKind.LABELS in EXPLAINED[check] else ReportKind.DRIFT
        if reports.requested_since(connection, version_id, kind, now - AT_MOST_EVERY):
            continue
        findings = [one.finding for one in transitions if one.finding.check == check and one.new is State.FIRING]
        since = min(finding.since or finding.window.start for finding in findings)
        until = max(finding.window.end for finding in findings)
        asked[check] = reports.add_report(connection, version_id, kind, since, until, now, f"an alert of {check}")
    return asked
