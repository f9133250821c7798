"""The review of a project: a document for managers and reviewers, to read here, to download, and to print."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import streamlit as st

from app.core.errors import WatchkeeperError
from app.ui import data
from app.ui.components import choice, link, scope, wording
from app.ui.components.history import span
from app.ui.components.html import element, markdown_text
from app.ui.components.report import parts

HEIGHT = 900
ALL = "*"
SPANS = {"30": "30 days", "90": "90 days", "180": "half a year", "365": "1 year"}
MOST_BYTES = 8_000_000
"""Of a document that is shown and kept for a download: the dashboard holds it in memory for every visitor."""


def show() -> None:
    """Choose the model and the time, read the document, take it along."""
    st.html(
        element(
            "p",
            "Goals, quality over time, incidents, decisions and scorecard in one document. To have it as a PDF, "
            "download it and print it from the browser.",
            class_="wk-lead",
        )
    )
    names = scope.known_models()
    if not names:
        return
    with st.container(horizontal=True, vertical_alignment="bottom", key="choices"):
        options = [*names, ALL]
        looked_at = link.asked("model", names, names[0])
        model = choice.select("of", "Model", options, looked_at, words=_name, width=260)
        days = choice.buttons("days", "Time", list(SPANS), "90", joined=True, words=SPANS.__getitem__)
    length = timedelta(days=int(days))
    until = _until(names if model == ALL else [model], length, datetime.now(UTC))
    try:
        page = data.reports.project_review(() if model == ALL else (model,), until - length, until)
    except WatchkeeperError as error:
        st.error(markdown_text(str(error)))
        return
    st.html(element("p", f"{SPANS[days].capitalize()} to {wording.moment(until)}.", class_="wk-facts"))
    if len(page) > MOST_BYTES:
        st.text("The document is too large to be shown here. Write it to a file:")
        st.code("watchkeeper project-review --out review.html", language="bash")
        return
    st.download_button(
        "Download the review (HTML)",
        page,
        f"review-{until:%Y-%m-%d}.html",
        "text/html",
        on_click="ignore",
        type="primary",
    )
    st.iframe(parts.sandboxed(page), height=HEIGHT)


def _name(name: str) -> str:
    return "All models" if name == ALL else name


def _until(names: list[str], length: timedelta, now: datetime) -> datetime:
    """Up to now, an outage after the last window included; a demo of last summer is no empty document, though."""
    cards = [card for card in data.fleet.overview() if card.model.name in names]
    ends = [card.newest_window + card.model.window.delta for card in cards if card.newest_window]
    return span.reach(max(ends, default=now), length, now)
