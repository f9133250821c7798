"""The choice of a model, kept in the page's address."""

from __future__ import annotations

import streamlit as st

from app.ui import data
from app.ui.components import empty, link
from app.ui.components.html import element


def known_models() -> list[str]:
    """The names of all models; where there is none, or not the one that the address asks for, the page says so."""
    names = [card.model.name for card in data.fleet.overview()]
    if not names:
        empty.no_models()
        return names
    wanted = st.query_params.get("model")
    if wanted is not None and wanted not in names:
        st.html(element("p", f"There is no model “{wanted}”. Choose one of these:", class_="wk-lead"))
    return names


def choose(names: list[str]) -> str:
    """The model, of these, that the address or the person asks for."""
    return st.selectbox("Model", names, names.index(link.asked("model", names, names[0])), key="model", width=280)
