"""Asking for retraining by hand, whatever a policy says."""

from __future__ import annotations

import streamlit as st

from app.core.errors import WatchkeeperError
from app.ui import data
from app.ui.components import author, choice, empty, scope, told
from app.ui.components.html import code_text, element
from app.ui.components.retraining.runs import SAID

POLICY = ""


def show() -> None:
    """The form."""
    told.show(SAID)
    names = scope.known_models()
    targets = data.retraining.targets()
    if not names:
        return
    if not targets:
        st.html(element("p", code_text("There is nobody to ask yet: `watchkeeper target add` says whom.")))
        empty.no_retraining()
        return
    lead = "The request goes out at once, whatever cool-down, budget and calendar say, and needs no approval."
    st.html(element("p", lead, class_="wk-question"))
    model = choice.select("model", "Model", names, names[0], width=280)
    view = data.models.model(model, None)
    if view is None:
        empty.no_version(model)
        return
    has_policy = model in {one.stored.model for one in data.retraining.policies()}
    options = [*([POLICY] if has_policy else []), *(one.name for one in targets)]
    with st.container(border=True), st.form("ask-retraining", border=False):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            versions = view.versions
            version = st.selectbox("Version to retrain", versions, versions.index(view.version.name), width=200)
            target = st.selectbox("Ask", options, format_func=lambda name: name or "the policy's target", width=240)
            who = author.ask(width=200)
        reason = st.text_input("Why", max_chars=500, placeholder="What the new version should be better at")
        if st.form_submit_button("Ask for retraining", type="primary"):
            _ask(model, version, target, reason, who)
            st.rerun()


def _ask(model: str, version: str, target: str, reason: str, who: str) -> None:
    try:
        run = data.retraining.ask(model, version, target, reason, who)
    except WatchkeeperError as error:
        told.keep(SAID, f"Nothing is asked for: {error}", refused=True)
        return
    to = run.target.name if run.target else "nobody"
    asked = f"Retraining of {run.model} {run.version} is asked of {to}; the worker sends it."
    told.keep(SAID, f"{asked} Runs shows what becomes of it.")
