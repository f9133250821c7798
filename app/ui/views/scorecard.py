"""How well a model is watched: the ML Test Score, test by test, with its evidence."""

from __future__ import annotations

import streamlit as st

from app.ui import data
from app.ui.components import empty, scope
from app.ui.components.scorecard import parts


def _show() -> None:
    model = scope.model()
    if model is None:
        return
    found = data.scorecards.scorecard(model)
    if found is None:
        empty.no_version(model)
    else:
        st.html(parts.section(found))


_show()
