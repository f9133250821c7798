"""Which features moved, and when: as a heat map to click, and as a list beside it."""

from __future__ import annotations

import streamlit as st

from app.core.checks.schema import NEW_FEATURES
from app.core.model import Outcome
from app.services.read_models.series import HeatMap
from app.services.read_models.standings import CheckStanding
from app.ui import data, theme
from app.ui.components import choice, figures, headline, heat_map, link, markers, wording
from app.ui.components.html import Html, element, join, table
from app.ui.components.scope import Scope
from app.ui.theme import Palette

SEARCHED = 12
"""Features from which on one is looked for by its name."""


def section(scope: Scope, standing: CheckStanding) -> None:
    """Every feature against its own limit, the worst on top; a click leads to its page."""
    said = headline.check(standing, features=True)
    st.html(join(element("p", element("b", said), ". ", data.checks.question(standing.check)), _scale(theme.current())))
    many = len(data.models.features(scope.view.version.id)) > SEARCHED
    search = choice.text("search", "Find a feature", placeholder="part of its name") if many else ""
    found = data.models.heat_map(
        scope.view.version.id, standing.check, scope.since, scope.until, segment=scope.segment, search=search
    )
    if not found.subjects:
        st.html(element("p", _nothing(search), class_="wk-quiet"))
        return
    picture, names = st.columns([3, 2], gap="medium")
    with picture:
        figure = heat_map.figure_of(found, theme.current())
        # A single window has no length on the axis, which the marks would stretch.
        several = len(found.starts) > 1
        events = data.timeline.events(scope.model, scope.since, scope.until, markers.KINDS) if several else ()
        markers.draw(figure, events, theme.current())
        picked = figures.pick(figure, key=f"heat map {standing.check} {search}", alt=said)
        legend = markers.legend(events)
        if legend:
            st.html(legend)
    with names:
        st.html(_list(scope, standing.check, found))
    if picked is not None and found.subjects[picked] != NEW_FEATURES:
        st.switch_page("views/feature.py", query_params=_query(scope, standing.check, found.subjects[picked]))


def _nothing(search: str) -> str:
    if search:
        return f"No feature that was measured in this range has “{search}” in its name."
    return "Nothing was measured in this range; choose a longer one."


def _query(scope: Scope, check: str, feature: str) -> dict[str, str]:
    """What the feature's page is to show: the same rows and range."""
    asked = {name: st.query_params.get(name, "") for name in ("days", "until")}
    query = {"model": scope.model, "version": scope.version, "segment": scope.segment, "feature": feature}
    return {name: value for name, value in {**query, "check": check, **asked}.items() if value}


def _list(scope: Scope, check: str, found: HeatMap) -> Html:
    """The same features as links, each with how it stands."""
    rows = [_row(scope, check, found, number) for number in range(len(found.subjects))]
    filled = table(("Feature", "Stands", "Value", "Times its limit"), rows, numbers={2, 3})
    if not found.hidden:
        return filled
    rest = f"{wording.plural(found.hidden, 'more feature')}, further from the limit: find them by name."
    return join(filled, element("p", rest, class_="wk-quiet"))


def _row(scope: Scope, check: str, found: HeatMap, number: int) -> tuple[str, ...]:
    feature, newest = found.subjects[number], found.newest(number)
    value, ratio = float(found.values[number, newest]), float(found.ratio[number, newest])
    there = link.page("feature", **_query(scope, check, feature))
    # What stands for all new features is none that has a page.
    name = feature if feature == NEW_FEATURES else element("a", feature, href=there, target="_self")
    stands = element("span", wording.outcome_text(Outcome(str(found.outcomes[number, newest]))), class_="wk-fixed")
    return name, stands, wording.number(check, feature, value), wording.times(ratio)


def _scale(palette: Palette) -> Html:
    """What the colours of the heat map mean."""
    words = ("far below its limit", "close to it", "beyond it", "far beyond it")
    keys = [
        element("span", element("span", class_="wk-key", style=f"background:{colour}"), word)
        for colour, word in zip(palette.scale, words, strict=True)
    ]
    return element(
        "p", *keys, element("span", "◆ breach; a click on a row leads to its feature"), class_="wk-facts wk-scale"
    )
