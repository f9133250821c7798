"""Some checks of a version over time: one check at a time, every subject against its own normal range."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from app.core.model import Task
from app.services.read_models.series import Series
from app.services.read_models.standings import CheckStanding, Standing
from app.ui import data
from app.ui.components import charts, choice, headline, link, markers, wording
from app.ui.components.html import element, join
from app.ui.components.scope import Scope

MOST_CHARTS = 4
"""Drawn at once: each costs the browser about a tenth of a second."""
UNIT = "In the unit of what the model predicts."
MARKS = "Shaded: what is normal for this model. ◆ breach, ○ a value without a verdict."


def show(scope: Scope, checks: Sequence[str]) -> None:
    """A choice among those of the checks that were measured, the worst first, and its charts."""
    standings = {one.check: one for one in scope.view.checks if one.check in checks}
    if not standings:
        st.html(element("p", "No check of this part has been measured yet.", class_="wk-quiet"))
        return
    names = sorted(standings, key=wording.check_order)
    chosen = link.asked("check", names, _most_telling(names, standings))
    if len(names) > 1:
        chosen = choice.pills(
            "check",
            "Check",
            names,
            chosen,
            words=lambda name: f"{wording.state_mark(standings[name].standing)} {wording.check_title(name)}",
            hidden_label=True,
            key=f"check of {names[0]}",
        )
    check(scope, standings[chosen])


def check(scope: Scope, standing: CheckStanding) -> None:
    """What one check found, in words and in charts."""
    reason = scope.view.untold.get(standing.check)
    st.html(
        join(
            element(
                "p", element("b", headline.check(standing, features=False)), ". ", data.checks.question(standing.check)
            ),
            element("p", f"Cannot tell: {reason}", class_="wk-quiet") if reason else None,
            element("p", UNIT, class_="wk-quiet") if _has_unit(scope, standing) else None,
        )
    )
    found = data.models.check_series(
        scope.view.version.id, standing.check, scope.since, scope.until, segment=scope.segment
    )
    grid(scope, sorted(found, key=lambda series: wording.subject_order(series.subject)))


def grid(scope: Scope, found: Sequence[Series]) -> None:
    """The series that have values, a few at a time, with what happened meanwhile on their time axes."""
    drawn = [series for series in found if charts.has_values(series)]
    if not drawn:
        st.html(element("p", "No value in this range; choose a longer one.", class_="wk-quiet"))
        return
    shown = _page(drawn)
    events = data.timeline.events(scope.model, scope.since, scope.until, markers.KINDS)
    with st.grid(columns=min(len(shown), 2), min_column_width=320, gap="medium") as cells:
        for series in shown:
            with cells.cell():
                charts.chart(series, events)
    charts.learnt_limit(scope.view, shown)
    st.html(join(element("p", MARKS, class_="wk-facts"), markers.legend(events)))
    silent = [wording.subject_title(one.check, one.subject) for one in found if not charts.has_values(one)]
    if silent:
        st.html(element("p", f"No value in this range: {', '.join(silent)}.", class_="wk-quiet"))


def _page(drawn: Sequence[Series]) -> Sequence[Series]:
    """Those of the series that are looked at; a choice of which where there are too many for one look."""
    if len(drawn) <= MOST_CHARTS:
        return drawn
    pages = {str(i // MOST_CHARTS + 1): drawn[i : i + MOST_CHARTS] for i in range(0, len(drawn), MOST_CHARTS)}
    names = {
        page: ", ".join(wording.subject_title(one.check, one.subject) for one in part) for page, part in pages.items()
    }
    chosen = choice.select(
        "part", "Shown", list(pages), "1", words=names.__getitem__, width=480, key=f"part of {drawn[0].check}"
    )
    return pages[chosen]


def _most_telling(names: Sequence[str], standings: Mapping[str, CheckStanding]) -> str:
    """The first check in breach."""
    return next((name for name in names if standings[name].standing is Standing.BREACH), names[0])


def _has_unit(scope: Scope, standing: CheckStanding) -> bool:
    return scope.view.model.task is Task.REGRESSION and standing.check in {"performance", "estimated_performance"}
