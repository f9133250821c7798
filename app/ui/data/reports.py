"""Reports on demand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import streamlit as st

from app.services.project_review import project_review_page
from app.services.reports import Contents, call_off_report, list_reports, report_contents, request_report
from app.ui.data.connection import FRESH, MOST_ANSWERS, engine

MOST_REPORTS = 5
REVIEW_KEPT = timedelta(minutes=10)


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def reports() -> list[dict[str, Any]]:
    """Every report there is, the newest first."""
    return list_reports(engine())


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_REPORTS)
def report(report_id: int) -> Contents:
    """A finished report."""
    return report_contents(engine(), report_id)


def ask(model: str, version: str, kind: str, since: datetime, until: datetime, author: str) -> int:
    """Ask for a report; its number. Raises WatchkeeperError that says why not."""
    asked = request_report(
        engine(), datetime.now(UTC), model, version=version, kind=kind, since=since, until=until, reason=author
    )
    reports.clear()
    return int(asked["id"])


def call_off(report_id: int, author: str) -> None:
    """End a report that waits or is being made. Raises WatchkeeperError that says why not."""
    call_off_report(engine(), report_id, datetime.now(UTC), author)
    reports.clear()


@st.cache_data(ttl=REVIEW_KEPT, show_spinner="Putting the review together …", max_entries=MOST_REPORTS)
def project_review(models: tuple[str, ...], since: datetime, until: datetime) -> str:
    """The review of these models as a page. Raises WatchkeeperError that says why not."""
    return project_review_page(engine(), datetime.now(UTC), since=since, until=until, models=models)
