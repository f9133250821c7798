"""The page of the scorecard: one model's, or all of them beside each other."""

from __future__ import annotations

import streamlit as st

from app.ui import data
from app.ui.components import choice, empty, scope
from app.ui.components.scorecard import fleet, parts

PARTS = {"model": "One model", "fleet": "All models"}


def show() -> None:
    """The part that the address or the person asks for."""
    if scope.is_empty():
        return
    part = choice.buttons("part", "Part", list(PARTS), "model", joined=True, words=PARTS.__getitem__, hidden_label=True)
    if part == "fleet":
        names = scope.known_models()
        st.html(fleet.section([card for name in names if (card := data.scorecards.scorecard(name))]))
        return
    model = scope.model()
    if model is None:
        return
    found = data.scorecards.scorecard(model)
    if found is None:
        empty.no_version(model)
    else:
        st.html(parts.section(found))
