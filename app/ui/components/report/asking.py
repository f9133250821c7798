"""Asking for a report, and watching the worker make it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import streamlit as st

from app.core.errors import WatchkeeperError
from app.core.reports import ReportKind, ReportState
from app.ui import data
from app.ui.components import author, choice, wording
from app.ui.components.html import element, join
from app.ui.components.report import parts
from app.ui.components.steps import Step, steps

LOOK_AGAIN = timedelta(seconds=3)
UNDER_WAY = (ReportState.REQUESTED, ReportState.RUNNING)
_KINDS = {
    ReportKind.DRIFT: "which features moved",
    ReportKind.SUMMARY: "what each column holds",
    ReportKind.QUALITY: "how good predictions were; needs labels",
}


def form(said: str, *, opened: bool) -> None:
    """What to ask for: model and version, kind, and a span of days."""
    names = data.fleet.names()
    if not names:
        return
    with st.expander("Ask for a report", icon=":material/add:", expanded=opened):
        with st.container(horizontal=True):
            model = choice.select("model", "Model", names, names[0], width=260)
            view = data.models.model(model, None)
            if view is None:
                st.html(element("p", "This model has no version yet.", class_="wk-quiet"))
                return
            version = st.selectbox("Version", view.versions, view.versions.index(view.version.name), width=160)
        with st.form("ask-report", border=False):
            newest = (view.newest_window or datetime.now(UTC)).date()
            with st.container(horizontal=True, vertical_alignment="bottom"):
                kinds = [kind.value for kind in ReportKind]
                kind = st.selectbox(
                    "Kind", kinds, format_func=lambda one: f"{one}: {_KINDS[ReportKind(one)]}", width=340
                )
                since = st.date_input("From (UTC)", newest - timedelta(days=6), format="YYYY-MM-DD", width=150)
                last = st.date_input("To the end of (UTC)", newest, format="YYYY-MM-DD", width=150)
                who = author.ask(width=200)
            if st.form_submit_button("Ask for it", type="primary"):
                st.session_state[said] = _ask(model, version, kind, (since, last), who)
                st.rerun()


def _ask(model: str, version: str, kind: str, days: tuple[date, date], who: str) -> str:
    if not who:
        return "Nothing is asked for: give your name."
    since, until = (datetime(day.year, day.month, day.day, tzinfo=UTC) for day in days)
    try:
        asked = data.reports.ask(model, version, kind, since, until + timedelta(days=1), who)
    except WatchkeeperError as error:
        return f"Nothing is asked for: {error}"
    return f"Report {asked} is asked for. The worker makes it; you may leave this page meanwhile."


@st.fragment(run_every=LOOK_AGAIN)
def progress(said: str) -> None:
    """Those that are under way, with a button to call each off; the page is drawn anew once one has ended."""
    data.reports.reports.clear()
    rows = [row for row in data.reports.reports() if ReportState(row["state"]) in UNDER_WAY]
    ids, known = [row["id"] for row in rows], st.session_state.get("reports under way")
    st.session_state["reports under way"] = ids
    if known is not None and set(known) - set(ids):
        st.rerun()
    who = author.ask() if rows else ""
    for row in rows:
        with st.container(border=True):
            about = f"Report {row['id']}: {row['model']} {row['version']}, {row['kind']}, {parts.span(row)}"
            st.html(join(element("b", about), steps(_life(row))))
            hint = None if who else "Give your name first."
            if st.button("Call it off", key=f"call-off-{row['id']}", disabled=not who, help=hint):
                _call_off(int(row["id"]), who, said)


def _call_off(report_id: int, who: str, said: str) -> None:
    try:
        data.reports.call_off(report_id, who)
        st.session_state[said] = f"Report {report_id} is called off."
    except WatchkeeperError as error:
        st.session_state[said] = str(error)
    st.rerun()


def _life(row: dict[str, Any]) -> list[Step]:
    by = f" by {row['reason']}" if row["reason"] else ""
    asked = Step("Asked for", "done", wording.moment(row["requested_at"]) + by)
    if row["state"] == ReportState.REQUESTED:
        return [asked, Step("Waits for the worker", "now"), Step("Being made", "ahead"), Step("Done", "ahead")]
    began = wording.moment(row["started_at"])
    return [asked, Step("Taken by the worker", "done", began), Step("Being made", "now"), Step("Done", "ahead")]
