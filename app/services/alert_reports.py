"""Reports that alerts ask for: of the windows in breach, when quality or skew is about to be told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from app.core.alerting import Finding
from app.core.causes import EXPLAINED, CauseKind
from app.core.reports import ReportKind
from app.storage import reports

AT_MOST_EVERY = timedelta(days=1)


def request_report(connection: Connection, version_id: int, findings: Sequence[Finding], now: datetime) -> int | None:
    """Ask for a report of the windows in which these findings of one check are in breach; its id.

    None where the check has no causes to rank. Of one kind at most one is asked for in AT_MOST_EVERY, whichever check
    asks first.
    """
    check = findings[0].check
    if check not in EXPLAINED:
        return None
    kind = ReportKind.QUALITY if CauseKind.LABELS in EXPLAINED[check] else ReportKind.DRIFT
    if reports.requested_since(connection, version_id, kind, now - AT_MOST_EVERY):
        return None
    since = min(finding.since or finding.window.start for finding in findings)
    until = max(finding.window.end for finding in findings)
    return reports.add_report(connection, version_id, kind, since, until, now, f"an alert of {check}")
