"""A real message through a channel, and what the other side said to it."""

from __future__ import annotations

import streamlit as st

from app.core.delivery import Sent
from app.services.trials import Trial
from app.ui import data
from app.ui.components.html import element, join


def section(name: str, *, tested: bool) -> None:
    """The newest answer of this visit; a new one where somebody has just asked for it."""
    key = f"answer of {name}"
    if tested:
        with st.spinner(f"Sending a test message through {name} ..."):
            st.session_state[key] = data.channels.try_out(name)
    answer = st.session_state.get(key)
    if isinstance(answer, str):
        st.html(element("p", f"✕ Not sent: {answer}", class_="wk-failed", role="status"))
    elif answer:
        lines = [element("p", words(one), class_=_class(one)) for one in answer]
        st.html(element("div", join(*lines), role="status"))


def words(trial: Trial) -> str:
    """What became of one message, with the answer over HTTP where there was one."""
    http = f" It answered HTTP {trial.status}{': ' + trial.body if trial.body else ''}." if trial.status else ""
    if isinstance(trial.answer, Sent):
        note = f" {trial.answer.note}." if trial.answer.note else ""
        return f"● The test message ({trial.kind}) was taken.{note}{http}"
    return f"✕ The test message ({trial.kind}) was not taken: {trial.answer.why}.{http}"


def _class(trial: Trial) -> str:
    return "wk-what" if isinstance(trial.answer, Sent) else "wk-failed"
