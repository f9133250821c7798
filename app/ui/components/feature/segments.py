"""A feature in each segment, where a model has some."""

from __future__ import annotations

from urllib.parse import urlencode

import streamlit as st

from app.services.read_models.feature_view import SubjectStanding
from app.ui import data
from app.ui.components import wording
from app.ui.components.feature.picker import Picked
from app.ui.components.html import Html, element, join, table, title
from app.ui.components.scope import Scope

MOST = 10


def section(chosen: Scope, picked: Picked) -> None:
    """A table, the worst segment first; nothing where none are declared."""
    if not chosen.view.model.segment_by:
        return
    found = data.features.segments(chosen.view.version.id, picked.check, picked.feature, chosen.until)
    note = ""
    if found:
        start = wording.start_of_window(found[0].window_start)
        note = f"{wording.check_title(picked.check)} in the window of {start}, the worst first."
    st.html(title("By segment", note))
    if not found:
        st.html(element("p", "This check has judged no segment of this feature yet.", class_="wk-quiet"))
        return
    rows = [_row(chosen, picked, one) for one in found[:MOST]]
    more = f"{wording.plural(len(found) - MOST, 'more segment')} further from the limit." if len(found) > MOST else ""
    head = ("Segment", "Stands", "Value", "Limit", "Times as far as allowed")
    st.html(join(table(head, rows, numbers={2, 3, 4}), element("p", more, class_="wk-quiet") if more else None))


def _row(chosen: Scope, picked: Picked, one: SubjectStanding) -> tuple[str | Html, ...]:
    query = {"model": chosen.model, "version": chosen.version, "feature": picked.feature, "check": picked.check}
    target = f"feature?{urlencode(query | {'segment': one.name})}"
    return (
        element("a", one.name, href=target, target="_self"),
        element("span", wording.outcome_text(one.outcome), class_="wk-fixed"),
        wording.number(picked.check, picked.feature, one.value),
        wording.number(picked.check, picked.feature, one.limit),
        wording.times(one.ratio) if one.value is not None else wording.NO_VALUE,
    )
