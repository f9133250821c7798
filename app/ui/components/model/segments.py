"""The worst segments of a model, and what was found in the one that is looked at."""

from __future__ import annotations

import streamlit as st

from app.core.model import Outcome
from app.core.segment_ranking import RankedSegment
from app.services.read_models.model_view import ModelView
from app.services.read_models.segments import ModelSegments
from app.ui import data
from app.ui.components import wording
from app.ui.components.html import Html, element, join, table, title

MOST = 10
_HEAD = ("Segment", "Rows", "Share", "Stands", "Worst breach", "Times its limit", "Quality", "Worse than the whole by")


def section(view: ModelView) -> None:
    """The worst segments, and a choice of one to look at; nothing where none are declared."""
    found = data.models.segments(view.model.name, view.version.name)
    if found is None or not found.attributes:
        return
    st.html(ranking(found))
    breached = {one.segment: one for one in found.segments if one.breaches}
    if breached:
        chosen = st.selectbox("What is in breach in", list(breached), key="segment", width=420)
        if chosen in breached:
            st.html(breaches(breached[chosen]))


def breaches(one: RankedSegment) -> Html:
    """What is in breach in a segment, furthest beyond its own limit first."""
    rows = [
        (
            wording.check_title(found.check),
            found.subject or "all",
            wording.number(found.check, found.subject, found.value),
            wording.number(found.check, found.subject, found.normal or 0.0),
            wording.number(found.check, found.subject, found.limit),
        )
        for found in one.breaches
    ]
    return table(("Check", "Subject", "Value", "Normal", "Limit"), rows, numbers={2, 3, 4})


def ranking(found: ModelSegments) -> Html:
    """A table of the worst segments."""
    names = ", ".join(one.attribute for one in found.attributes)
    note = f"By {names}: furthest beyond their own limits first, then worst beside the whole."
    shown = found.segments[:MOST]
    body = table(_HEAD, [_row(one) for one in shown], numbers={1, 2, 5, 6, 7}) if shown else None
    said = [one.overflow() for one in found.attributes if one.overflow()]
    if len(found.segments) > MOST:
        said.insert(0, f"{wording.plural(len(found.segments) - MOST, 'more segment')}: see watchkeeper segments")
    notes = [element("p", f"{text[:1].upper()}{text[1:]}.", class_="wk-quiet") for text in said]
    empty = None if shown else element("p", "Nothing has been judged by segments yet.", class_="wk-quiet")
    return join(title("Worst segments", note), body, empty, *notes)


def _row(one: RankedSegment) -> tuple[str, ...]:
    worst, quality = next(iter(one.breaches), None), one.quality
    breach = "none" if one.outcome is Outcome.OK else ""
    if worst:
        breach = f"{wording.check_title(worst.check)} {worst.subject}".strip()
    return (
        one.segment,
        f"{one.rows:,}",
        f"{one.share:.1%}",
        wording.outcome_text(one.outcome),
        breach,
        f"{one.excess:.1f}" if worst else "",
        f"{quality.value:.3g}" if quality and quality.value is not None else "",
        f"{one.quality_gap:+.3g}" if one.quality_gap is not None else "",
    )
