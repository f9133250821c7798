"""Some checks of a version over time: one check at a time, every subject against its own normal range."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from app.core.model import Task
from app.services.read_models.series import Series
from app.services.read_models.standings import CheckStanding, Standing
from app.ui import data
from app.ui.components import charts, choice, headline, markers, wording
from app.ui.components.html import Html, element, join
from app.ui.components.scope import Scope

MOST_CHARTS = 4
"""Drawn at once: each costs the browser about a tenth of a second."""
WIDTH = 440
"""Pixels that a chart needs to be read; on a wider screen more of them stand beside each other."""
UNIT = "In the unit of what the model predicts."
MARKS = "Shaded: what is normal for this model. ◆ breach, ○ a value without a verdict."


def show(scope: Scope, checks: Sequence[str]) -> None:
    """A choice among those of the checks that were measured, the worst first, and its charts."""
    standing = choose(scope, checks)
    if standing is not None:
        check(scope, standing)


def choose(scope: Scope, checks: Sequence[str]) -> CheckStanding | None:
    """One of the checks, a choice where several were measured; None where none was, which is then said."""
    standings = {one.check: one for one in scope.view.checks if one.check in checks}
    if not standings:
        st.html(element("p", _nothing(scope, checks), class_="wk-quiet"))
        return None
    names = sorted(standings, key=wording.check_order)
    if len(names) == 1:
        return standings[names[0]]
    chosen = choice.buttons(
        "check",
        "Check",
        names,
        _most_telling(names, standings),
        words=lambda name: f"{wording.state_mark(standings[name].standing)} {wording.check_title(name)}",
        hidden_label=True,
        key=f"check of {checks[0]}",
    )
    return standings[chosen]


def together(scope: Scope, checks: Sequence[str]) -> None:
    """All of the checks at once, in this order."""
    known = {one.check for one in scope.view.checks}
    names = [name for name in checks if name in known]
    if not names:
        st.html(element("p", _nothing(scope, checks), class_="wk-quiet"))
        return
    found = {name: _series(scope, name) for name in names}
    untold = [
        element("p", f"Cannot tell: {wording.check_title(name)}, {scope.view.untold[name]}", class_="wk-quiet")
        for name in names
        if name in scope.view.untold and not any(map(charts.has_values, found[name]))
    ]
    if untold:
        st.html(join(*untold))
    grid(scope, [series for name in names for series in found[name]])


def _series(scope: Scope, check: str) -> list[Series]:
    found = data.models.check_series(scope.view.version.id, check, scope.since, scope.until, segment=scope.segment)
    return sorted(found, key=lambda series: wording.subject_order(series.subject))


def _nothing(scope: Scope, checks: Sequence[str]) -> str:
    """What it means that none of the checks was measured."""
    if not scope.segment:
        return "No check of this part has been measured yet."
    names = ", ".join(wording.check_title(name) for name in checks)
    return f"Not measured in {scope.segment}: {names}. Choose all rows to see what is measured of the whole."


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
    grid(scope, _series(scope, standing.check))


def grid(scope: Scope, found: Sequence[Series]) -> None:
    """The series that have values, a few at a time, with what happened meanwhile on their time axes."""
    drawn = [series for series in found if charts.has_values(series)]
    if not drawn:
        st.html(element("p", "No value in this range; choose a longer one.", class_="wk-quiet"))
        return
    shown = _page(drawn)
    events = data.timeline.events(scope.model, scope.since, scope.until, markers.KINDS)
    with st.grid(columns=len(shown), min_column_width=WIDTH, gap="medium") as cells:
        for series in shown:
            with cells.cell():
                charts.chart(series, events)
    st.html(join(element("p", MARKS, class_="wk-facts"), markers.legend(events), _limits(scope, shown)))
    silent = [wording.subject_title(one.check, one.subject) for one in found if not charts.has_values(one)]
    if silent:
        st.html(element("p", f"No value in this range: {', '.join(silent)}.", class_="wk-quiet"))


def _limits(scope: Scope, shown: Sequence[Series]) -> Html | None:
    """How the limits of the checks came about, and how often they are wrong; to unfold where there are several."""
    by_check: dict[str, list[Series]] = {}
    for series in shown:
        by_check.setdefault(series.check, []).append(series)
    said = {name: charts.limit_text(scope.view, found) for name, found in by_check.items()}
    told = {name: text for name, text in said.items() if text}
    if len(told) < 2:
        return element("p", *told.values(), class_="wk-facts") if told else None
    lines = [element("p", f"{wording.check_title(name)}: {text}", class_="wk-facts") for name, text in told.items()]
    return element("details", element("summary", "How the limits came about, and how often they are wrong"), *lines)


def _page(drawn: Sequence[Series]) -> Sequence[Series]:
    """Those of the series that are looked at; a choice of which where there are too many for one look."""
    if len(drawn) <= MOST_CHARTS:
        return drawn
    pages = {str(i // MOST_CHARTS + 1): drawn[i : i + MOST_CHARTS] for i in range(0, len(drawn), MOST_CHARTS)}
    names = {
        page: ", ".join(wording.subject_title(one.check, one.subject) for one in part) for page, part in pages.items()
    }
    asked = st.query_params.get("check")
    first = next((page for page, part in pages.items() if any(one.check == asked for one in part)), "1")
    chosen = choice.select(
        "part", "Shown", list(pages), first, words=names.__getitem__, width=480, key=f"part of {drawn[0].check}"
    )
    return pages[chosen]


def _most_telling(names: Sequence[str], standings: Mapping[str, CheckStanding]) -> str:
    """The first check in breach."""
    return next((name for name in names if standings[name].standing is Standing.BREACH), names[0])


def _has_unit(scope: Scope, standing: CheckStanding) -> bool:
    return scope.view.model.task is Task.REGRESSION and standing.check in {"performance", "estimated_performance"}
