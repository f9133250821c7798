"""Reports on demand."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app.services.reports import Contents, list_reports, report_contents
from app.ui.data.connection import FRESH, MOST_ANSWERS, engine

MOST_REPORTS = 5


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_ANSWERS)
def reports() -> list[dict[str, Any]]:
    """Every report there is, the newest first."""
    return list_reports(engine())


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=MOST_REPORTS)
def report(report_id: int) -> Contents:
    """A finished report."""
    return report_contents(engine(), report_id)
