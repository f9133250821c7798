"""The page of one feature, from its choices down to single predictions."""

from __future__ import annotations

import math
from urllib.parse import urlencode

import streamlit as st

from app.core.checks.schema import LOST
from app.core.model import Outcome
from app.services.read_models.feature_view import SubjectStanding
from app.services.read_models.standings import Standing
from app.ui import data
from app.ui.components import empty, scope, split, state, wording
from app.ui.components.feature import errors, over_time, picker, predictions, segments, values
from app.ui.components.feature.picker import Picked
from app.ui.components.html import Html, element, join
from app.ui.components.scope import Scope

_STANDINGS = {
    Outcome.BREACH: Standing.BREACH,
    Outcome.OK: Standing.OK,
    Outcome.NOT_EVALUATED: Standing.CANNOT_TELL,
}


def show() -> None:
    """The choices, then everything that depends on them."""
    chosen = scope.choose(segment=True)
    if chosen is None:
        return
    if chosen.view.reference is None:
        st.html(element("h1", "Features", class_="wk-title"))
        empty.no_reference(chosen.model, chosen.version)
        return
    picked = picker.choose(chosen)
    if picked is None:
        return
    place = st.container()
    moment = split.choose(chosen, split.breach_of(chosen, picked.check, picked.feature))
    with place:
        _header(chosen, picked)
    _measured(chosen, picked, moment)
    predictions.section(chosen, picked)


@st.fragment(run_every=data.connection.REFRESH)
def _measured(chosen: Scope, picked: Picked, moment: split.Split) -> None:
    values.section(chosen, picked, moment)
    over_time.section(chosen, picked)
    errors.section(chosen, picked)
    segments.section(chosen, picked)


def _header(chosen: Scope, picked: Picked) -> None:
    standing = picked.standing
    badge = state.badge(_STANDINGS[standing.outcome] if standing else Standing.NO_DATA)
    where = " in " + chosen.segment if chosen.segment else ""
    st.html(
        join(
            element("div", badge, element("span", wording.check_title(picked.check)), class_="wk-statusline"),
            element("h1", picked.feature, class_="wk-title"),
            element("p", _lead(chosen, picked, standing), class_="wk-lead"),
            element("p", f"{chosen.model}, version {chosen.version}{where} · {chosen.words}", class_="wk-facts"),
            _links(chosen, picked),
        )
    )


def _lead(chosen: Scope, picked: Picked, standing: SubjectStanding | None) -> str:
    """Where the feature stands, in a sentence."""
    title = wording.check_title(picked.check)
    if standing is None:
        return f"{title} was not asked of this feature up to here."
    if standing.value is None or standing.outcome is Outcome.NOT_EVALUATED:
        return f"Cannot tell yet: {standing.reason}."
    value, limit = (wording.number(picked.check, picked.feature, one) for one in (standing.value, standing.limit))
    said = f"{title} {value}, limit {limit}"
    if standing.outcome is Outcome.OK:
        return f"{said}: within limits in the window of {wording.start_of_window(standing.window_start)}."
    since = split.breach_of(chosen, picked.check, picked.feature)
    until = f" since {wording.start_of_window(since)}" if since else ""
    if standing.reason == LOST:
        return f"Lost: no prediction has a value of it{until}."
    if math.isinf(standing.ratio):
        return f"{said}: out of its normal range{until}."
    return f"{said}: {standing.ratio:.1f} times as far from normal as allowed{until}."


def _links(chosen: Scope, picked: Picked) -> Html:
    """Where to go from here."""
    same = {"model": chosen.model, "version": chosen.version}
    column = {} if "::" in picked.feature else {"show": picked.feature}
    targets = (
        ("All features of the model", "model", same | {"tab": "drift", "check": picked.check}),
        ("Its predictions in the explorer", "explorer", same | column),
    )
    links = [element("a", text, href=f"{page}?{urlencode(query)}", target="_self") for text, page, query in targets]
    return element("p", *links, class_="wk-links")
