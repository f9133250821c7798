"""The page of versions: where each stands, and one button that makes an earlier one live again."""

from __future__ import annotations

import streamlit as st

from app.core.errors import WatchkeeperError
from app.core.model import Stage
from app.services.read_models.versions import ModelVersions
from app.ui import data
from app.ui.components import author, empty, scope
from app.ui.components.html import element, title
from app.ui.components.versions import tables

TOLD = "versions_told"
"""What the last press of the button came to, kept over the run that follows it."""


def show() -> None:
    """The versions of the model that the address or the person asks for."""
    model = scope.model()
    if model is None:
        return
    found = data.versions.versions(model)
    if found is None or not found.versions:
        empty.no_version(model)
        return
    st.html(tables.section(found))
    _make_live(found)
    st.html(tables.history(found))


def _make_live(found: ModelVersions) -> None:
    """The form; it changes what the person saw, or nothing: who comes second is told."""
    names = [one.name for one in found.versions if one.stage not in (Stage.LIVE, Stage.RETIRED)]
    st.html(title("Make a version live again", found.why_not))
    if told := st.session_state.pop(TOLD, ""):
        st.html(element("p", told, class_="wk-lead", role="status"))
    if not names:
        return
    with st.form("make-live", border=False):
        version = st.selectbox(
            "Version", names, names.index(found.fallback) if found.fallback in names else 0, width=280
        )
        who = author.ask("Who you are")
        reason = st.text_input("Why", max_chars=500)
        place = f"It takes the place of {', '.join(found.live)}." if found.live else "It becomes the live version."
        sure = st.checkbox(f"I am sure. {place}".replace("_", "\\_"))
        if st.form_submit_button("Make live"):
            st.session_state[TOLD] = _pressed(found, version, who, reason, sure=sure)
            st.rerun()


def _pressed(found: ModelVersions, version: str, who: str, reason: str, *, sure: bool) -> str:
    if not who or not sure:
        return "Nothing is changed: say who you are, and that you are sure."
    try:
        data.versions.make_live(found.model, version, who, reason, found.change)
    except WatchkeeperError as error:
        return f"Nothing is changed: {error}"
    return f"Version {version} is live."
