"""A handful of real predictions: where the feature is most out of the ordinary, or any."""

from __future__ import annotations

from urllib.parse import urlencode

import streamlit as st

from app.services.read_models.examples import ANY, KINDS, UNUSUAL, Example
from app.ui import data
from app.ui.components import choice, wording
from app.ui.components.feature.picker import Picked
from app.ui.components.html import Html, element, join, table, title
from app.ui.components.scope import Scope

_WORDS = {UNUSUAL: "Most unusual", ANY: "Random"}
_HEAD = ("Prediction", "Time (UTC)", "Value", "How usual in the reference", "Predicted", "Score", "Truth")


def section(chosen: Scope, picked: Picked) -> None:
    """The examples, and a way to look at others."""
    st.html(title("Examples", "Real predictions of this range, in the order of how rare such a value is."))
    kind = choice.buttons(
        "examples", "Which ones", KINDS, UNUSUAL, joined=True, words=_WORDS.__getitem__, hidden_label=True
    )
    about = (chosen.view.version.id, picked.feature, chosen.since, chosen.until, kind, chosen.segment)
    key = "turn of examples"
    if st.session_state.get("examples are about") != about:
        st.session_state["examples are about"], st.session_state[key] = about, 0
    _table(chosen, picked, kind, key)


@st.fragment
def _table(chosen: Scope, picked: Picked, kind: str, key: str) -> None:
    turn: int = st.session_state[key]
    version_id = chosen.view.version.id
    found = data.features.examples(version_id, picked.feature, chosen.since, chosen.until, kind, turn, chosen.segment)
    if found is None:
        st.html(element("p", "There are no single values of this feature to show.", class_="wk-quiet"))
        return
    if not found.rows:
        said = "None of the predictions that were looked at lies in this range. Raw rows may be past their retention."
        st.html(element("p", said, class_="wk-quiet"))
        return
    rows = [_row(chosen, one) for one in found.rows]
    which = f"Of {wording.count(found.looked_at)} predictions spread over the range"
    st.html(join(table(_HEAD, rows, numbers={2, 5}), element("p", f"{which}.", class_="wk-facts")))
    if found.turns > 1:
        st.button("Look at others", key="other examples", icon=":material/refresh:", on_click=_next, args=(key,))


def _next(key: str) -> None:
    st.session_state[key] += 1


def _row(chosen: Scope, one: Example) -> tuple[str | Html, ...]:
    query = {"model": chosen.model, "version": chosen.version, "id": one.prediction_id, "of": chosen.version}
    return (
        element("a", one.prediction_id, href=f"explorer?{urlencode(query)}", target="_self"),
        wording.moment(one.at),
        one.value,
        one.words,
        one.predicted,
        wording.NO_VALUE if one.score is None else f"{one.score:.3f}",
        "not known" if one.label is None else one.label,
    )
