"""One button that makes another version live, with what it does and who is told said beside it."""

from __future__ import annotations

import streamlit as st

from app.core.errors import WatchkeeperError
from app.core.model import Stage
from app.services.read_models.versions import ModelVersions
from app.ui import data
from app.ui.components import author, told
from app.ui.components.html import element, markdown_text, title

TOLD = "versions_told"
"""What the last press of the button came to."""


def show(found: ModelVersions) -> None:
    """The form; it changes what the person saw, or nothing: who comes second is told."""
    names = [one.name for one in found.versions if one.stage not in (Stage.LIVE, Stage.RETIRED)]
    st.html(title("Make a version live again", found.why_not))
    told.show(TOLD)
    if not names:
        return
    with st.container(border=True), st.form("make-live", border=False):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            fallback = names.index(found.fallback) if found.fallback in names else 0
            version = st.selectbox("Version", names, fallback, width=200)
            who = author.ask(width=220)
            reason = st.text_input("Why", max_chars=500, width=340)
        st.html(element("p", consequences(found), class_="wk-facts"))
        place = f"It takes the place of {', '.join(found.live)}." if found.live else "It becomes the live version."
        sure = st.checkbox(f"I am sure. {markdown_text(place)}")
        if st.form_submit_button("Make live", type="primary"):
            _pressed(found, version, who, reason, sure=sure)
            st.rerun()


def consequences(found: ModelVersions) -> str:
    """Who hears of it."""
    machines, people = data.versions.told(found.model)
    targets = f" By signed webhook: {', '.join(machines)}." if machines else " No target listens for changes."
    channels = (
        f" Of a rollback people are told, too: {', '.join(people)}."
        if people
        else " People are not told: no channel is on."
    )
    return f"Serving processes that ask which version is live hear of it at once.{targets}{channels}"


def _pressed(found: ModelVersions, version: str, who: str, reason: str, *, sure: bool) -> None:
    if not who or not sure:
        told.keep(TOLD, "Nothing is changed: give your name, and say that you are sure.", refused=True)
        return
    try:
        data.versions.make_live(found.model, version, who, reason, found.change)
    except WatchkeeperError as error:
        told.keep(TOLD, f"Nothing is changed: {error}", refused=True)
    else:
        told.keep(TOLD, f"Version {version} is live.")
