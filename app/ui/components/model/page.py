"""The page of one model: what is to be said first, then one part of it at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import streamlit as st

from app.ui import data
from app.ui.components import choice, empty, scope
from app.ui.components.model import header
from app.ui.components.model.tabs import table
from app.ui.components.scope import Scope


def show() -> None:
    """The choices, the headline, and the part that was chosen."""
    chosen = scope.choose(segment=True)
    if chosen is None:
        return
    _head(chosen)
    if chosen.view.newest_window is None:
        empty.no_predictions(chosen.model, chosen.version)
    elif not chosen.view.checks:
        empty.no_measurements(chosen.until)
    else:
        tabs = table.tabs_of(chosen.view.checks)
        asked = table.tab_of(st.query_params.get("check", ""), tabs)
        tab = choice.buttons(
            "tab",
            "Part of the page",
            list(tabs),
            asked,
            joined=True,
            words=lambda name: table.label(tabs[name], chosen.view.checks),
            hidden_label=True,
        )
        _part(chosen, tab)


@st.fragment(run_every=data.connection.REFRESH)
def _head(chosen: Scope) -> None:
    st.html(header.header(_now(chosen), datetime.now(UTC)))


@st.fragment(run_every=data.connection.REFRESH)
def _part(chosen: Scope, tab: str) -> None:
    current = _now(chosen)
    tabs = table.tabs_of(current.view.checks)
    if tab not in tabs:  # its last check was removed while somebody looked
        st.rerun()
    tabs[tab].show(current)


def _now(chosen: Scope) -> Scope:
    """The same, as it stands now: a fragment runs again with what it was called with at first."""
    view = data.models.model(chosen.model, chosen.version, chosen.segment)
    if view is None:  # it was removed while somebody looked
        st.rerun()
    return replace(chosen, view=view)
