"""The realised quality of each segment."""

from __future__ import annotations

from urllib.parse import urlencode

import streamlit as st

from app.ui import data
from app.ui.components import wording
from app.ui.components.html import element, join, table, title
from app.ui.components.quality.performance import REALISED
from app.ui.components.scope import Scope

MOST = 12


def section(chosen: Scope, subject: str) -> None:
    """A table of the newest window that was judged, the worst segment first; nothing where none are declared."""
    if not chosen.view.model.segment_by:
        return
    found = data.features.segments(chosen.view.version.id, REALISED, subject, chosen.until)
    if not found:
        st.html(title("By segment"))
        st.html(element("p", "No segment had labels enough for a verdict on this measure yet.", class_="wk-quiet"))
        return
    when = wording.start_of_window(found[0].window_start)
    measure = wording.subject_title(REALISED, subject)
    rows = [
        (
            element("a", one.name, href=_target(chosen, one.name), target="_self"),
            element("span", wording.outcome_text(one.outcome), class_="wk-fixed"),
            wording.number(REALISED, subject, one.value),
            wording.number(REALISED, subject, one.normal),
            wording.number(REALISED, subject, one.limit),
        )
        for one in found[:MOST]
    ]
    more = f"{wording.plural(len(found) - MOST, 'more segment')} nearer to normal." if len(found) > MOST else ""
    head = ("Segment", "Stands", measure, "Normal", "Limit")
    st.html(
        join(
            title("By segment", f"In the window of {when}, the newest that could be judged."),
            table(head, rows, numbers={2, 3, 4}),
            element("p", more, class_="wk-quiet") if more else None,
        )
    )


def _target(chosen: Scope, segment: str) -> str:
    return (
        f"model?{urlencode({'model': chosen.model, 'version': chosen.version, 'tab': 'quality', 'segment': segment})}"
    )
