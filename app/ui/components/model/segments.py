"""The worst segments of a model; each leads to what was measured of it."""

from __future__ import annotations

import streamlit as st

from app.core.causes import MOST_EXCESS, Reading
from app.core.model import Outcome
from app.core.segment_ranking import RankedSegment
from app.services.read_models.model_view import ModelView
from app.services.read_models.segments import ModelSegments
from app.ui import data
from app.ui.components import link, wording
from app.ui.components.html import Html, element, join, table, title

MOST = 10
_HEAD = (
    "Segment",
    "Rows",
    "Share",
    "Stands",
    "Worst breach",
    "Times as far as allowed",
    "Quality",
    "Worse than the whole by",
)


def section(view: ModelView) -> None:
    """The worst segments; nothing where none are declared."""
    found = data.models.segments(view.model.name, view.version.name)
    if found is None or not found.attributes:
        return
    st.html(ranking(found))


def ranking(found: ModelSegments) -> Html:
    """A table of the worst segments."""
    names = ", ".join(one.attribute for one in found.attributes)
    note = f"By {names}: furthest beyond their own limits first, then worst beside the whole."
    shown = found.segments[:MOST]
    body = table(_HEAD, [_row(found, one) for one in shown], numbers={1, 2, 5, 6, 7}) if shown else None
    said = [one.overflow() for one in found.attributes if one.overflow()]
    if len(found.segments) > MOST:
        said.insert(0, f"{wording.plural(len(found.segments) - MOST, 'more segment')}: see watchkeeper segments")
    notes = [element("p", f"{text[:1].upper()}{text[1:]}.", class_="wk-quiet") for text in said]
    empty = None if shown else element("p", "Nothing has been judged by segments yet.", class_="wk-quiet")
    return join(title("Worst segments", note), body, empty, *notes)


def _row(found: ModelSegments, one: RankedSegment) -> tuple[str, ...]:
    worst, quality = next(iter(one.breaches), None), one.quality
    breach = "none" if one.outcome is Outcome.OK else ""
    if worst:
        named = wording.subject_title(worst.check, worst.subject) if worst.subject else ""
        breach = f"{wording.check_title(worst.check)}: {named}" if named else wording.check_title(worst.check)
    asked = {name: st.query_params.get(name, "") for name in ("days", "until", "tab")}
    there = link.page("model", model=found.model, version=found.version, segment=one.segment, **asked)
    return (
        element("a", one.segment, href=there, target="_self"),
        wording.count(one.rows),
        wording.share(one.share),
        element("span", wording.outcome_text(one.outcome), class_="wk-fixed"),
        breach,
        _excess(one) if worst else wording.NO_VALUE,
        _quality(quality),
        _gap(one),
    )


def _quality(reading: Reading | None) -> str:
    """Its value; an estimate, where too few labels came for a verdict, is said to be one."""
    if reading is None:
        return wording.NO_VALUE
    estimated = " (estimated)" if reading.check == "estimated_performance" else ""
    return wording.number(reading.check, reading.subject, reading.value) + estimated


def _excess(one: RankedSegment) -> str:
    return f"over {MOST_EXCESS:g}" if one.excess >= MOST_EXCESS else f"{one.excess:.1f}"


def _gap(one: RankedSegment) -> str:
    if one.quality is None or one.quality_gap is None:
        return wording.NO_VALUE
    sign = "+" if one.quality_gap > 0 else ""
    return sign + wording.number(one.quality.check, one.quality.subject, one.quality_gap)
