"""How the model as a whole moved: one check at a time, every subject against its own normal range."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import streamlit as st

from app.core.model import Task
from app.services.read_models.model_view import ModelView
from app.services.read_models.standings import CheckStanding, Standing
from app.ui import data
from app.ui.components import charts, headline, link, wording
from app.ui.components.html import element, join, title

MOST_CHARTS = 12
UNIT = "In the unit of what the model predicts."


def section(view: ModelView, since: datetime, until: datetime) -> None:
    """A choice of check, worst first, and its charts."""
    standings = {check.check: check for check in view.checks if check.check not in wording.FEATURE_CHECKS}
    if not standings:
        return
    st.html(title("Over time", "Shaded: what is normal for this model. ◆ breach, ○ a value without a verdict."))
    names = sorted(standings, key=wording.check_order)
    asked = link.asked("check", names, _most_telling(names, standings))
    chosen = st.pills(
        "Check",
        names,
        format_func=lambda name: f"{wording.state_mark(standings[name].standing)} {wording.check_title(name)}",
        default=asked,
        key="check",
        required=True,
        label_visibility="collapsed",
        on_change=_remember,
    )
    _charts(view, standings[chosen or asked], since, until)


def _most_telling(names: list[str], standings: Mapping[str, CheckStanding]) -> str:
    """The first check in breach; an age is a line that rises, and tells less than any other chart."""
    breaching = (name for name in names if standings[name].standing is Standing.BREACH and name != "staleness")
    return next(breaching, names[0])


def _remember() -> None:
    link.remember(check=st.session_state["check"])


def _has_unit(view: ModelView, standing: CheckStanding) -> bool:
    return view.model.task is Task.REGRESSION and standing.check in {"performance", "estimated_performance"}


def _charts(view: ModelView, standing: CheckStanding, since: datetime, until: datetime) -> None:
    reason = view.untold.get(standing.check)
    st.html(
        join(
            element(
                "p", element("b", headline.check(standing, features=False)), ". ", data.checks.question(standing.check)
            ),
            element("p", f"Cannot tell: {reason}", class_="wk-quiet") if reason else None,
            element("p", UNIT, class_="wk-quiet") if _has_unit(view, standing) else None,
        )
    )
    found = data.models.check_series(view.version.id, standing.check, since, until)
    found = sorted(found, key=lambda series: wording.subject_order(series.subject))
    drawn = [series for series in found if charts.has_values(series)]
    shown = drawn[:MOST_CHARTS]
    if not shown:
        st.html(element("p", "No value in this range; choose a longer one.", class_="wk-quiet"))
        return
    with st.grid(columns=min(len(shown), 3), min_column_width=320, gap="medium") as grid:
        for series in shown:
            with grid.cell():
                charts.chart(series)
    charts.learnt_limit(view, shown)
    silent = [wording.subject_title(s.check, s.subject) for s in found if not charts.has_values(s)]
    left_out = [wording.subject_title(s.check, s.subject) for s in drawn[MOST_CHARTS:]]
    for said, names in (("No value in this range", silent), ("Not drawn", left_out)):
        if names:
            st.html(element("p", f"{said}: {', '.join(names)}.", class_="wk-quiet"))
