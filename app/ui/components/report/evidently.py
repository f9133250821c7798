"""Evidently reports: one of them in full, the way to ask for another, and the list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app.core.reports import ReportState
from app.ui import data
from app.ui.components import empty, link
from app.ui.components.html import element, join, title
from app.ui.components.report import asking, parts

HEIGHT = 900
SAID = "report_said"


def show() -> None:
    """The report that the address or the person asks for, the newest one else."""
    st.html(element("p", "Evidently's view of a range of windows beside the reference.", class_="wk-lead"))
    if said := st.session_state.pop(SAID, ""):
        st.html(element("p", said, class_="wk-lead", role="status"))
    rows = data.reports.reports()
    asking.form(SAID, opened=not rows)
    if not rows:
        empty.no_reports(data.fleet.names()[0])
        return
    if any(ReportState(row["state"]) in asking.UNDER_WAY for row in rows):
        asking.progress(SAID)
    done = {str(row["id"]): row for row in rows if row["state"] == ReportState.DONE}
    wanted = st.query_params.get("id")
    if wanted is None or wanted in done:
        _report(done)
    else:
        _say_why_not(wanted, rows)
    st.html(join(title("All reports"), parts.listed(rows)))


def _say_why_not(wanted: str, rows: list[dict[str, Any]]) -> None:
    """A link may lead to a report that is not there, or not yet: no other one is shown in its place."""
    known = any(str(row["id"]) == wanted for row in rows)
    said = f"Report {wanted} is not finished; see below." if known else f"There is no report “{wanted}”."
    st.html(element("p", said, class_="wk-lead"))


def _report(done: Mapping[str, dict[str, Any]]) -> None:
    if not done:
        return
    names = list(done)
    chosen = st.selectbox(
        "Report", names, names.index(link.asked("id", names, names[0])), format_func=lambda name: _name(done[name])
    )
    link.remember(id=chosen)
    contents = data.reports.report(int(chosen))
    st.html(element("p", done[chosen]["sampling"], class_="wk-facts"))
    with st.container(horizontal=True):
        st.download_button(
            "Download the page (HTML)", contents.html, f"report-{chosen}.html", "text/html", on_click="ignore"
        )
        st.download_button(
            "Download the figures (JSON)", contents.json, f"report-{chosen}.json", "application/json", on_click="ignore"
        )
    st.iframe(parts.sandboxed(contents.html), height=HEIGHT)


def _name(row: Mapping[str, Any]) -> str:
    return f"{row['id']}: {row['model']} {row['version']}, {row['kind']}, {parts.span(row)}"
