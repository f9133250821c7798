"""A feature over time: its check against its limit, its missing values, and where the limit comes from."""

from __future__ import annotations

from urllib.parse import urlencode

import streamlit as st

from app.ui import data
from app.ui.components import charts, markers, wording
from app.ui.components.feature.picker import Picked
from app.ui.components.html import element, title
from app.ui.components.scope import Scope

MISSING = "missing_values"


def section(chosen: Scope, picked: Picked) -> None:
    """The chosen check, and missing values where that is another one."""
    st.html(title("Over time", "Shaded: what is normal for this feature. ◆ breach, ○ a value without a verdict."))
    events = data.timeline.events(chosen.model, chosen.since, chosen.until, markers.KINDS)
    asked = [(picked.check, picked.feature)]
    if picked.check != MISSING:
        asked.append((MISSING, picked.served_name))
    with st.grid(columns=len(asked), min_column_width=320, gap="medium") as grid:
        for check, subject in asked:
            with grid.cell():
                _series(chosen, check, subject)
    legend = markers.legend(events)
    if legend:
        st.html(legend)


def _series(chosen: Scope, check: str, subject: str) -> None:
    events = data.timeline.events(chosen.model, chosen.since, chosen.until, markers.KINDS)
    version_id = chosen.view.version.id
    found = data.models.check_series(version_id, check, chosen.since, chosen.until, (subject,), chosen.segment)
    st.html(element("p", element("b", wording.check_title(check)), class_="wk-facts"))
    drawn = [series for series in found if charts.has_values(series)]
    if not drawn:
        reason = next((one.reasons[-1] for one in found if one.reasons and one.reasons[-1]), "")
        said = f"No value in this range: {reason}." if reason else "No value in this range; choose a longer one."
        st.html(element("p", said, class_="wk-quiet"))
        return
    for series in drawn:
        charts.chart(series, events)
        charts.learnt_limit(chosen.view, [series])
    query = {"model": chosen.model, "check": check, "subject": subject}
    target = f"limits?{urlencode(query)}"
    st.html(element("p", element("a", "Change this limit", href=target, target="_self"), class_="wk-links"))
