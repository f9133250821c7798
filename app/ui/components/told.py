"""What the last press of a button came to, kept over the run that follows it and told once."""

from __future__ import annotations

import streamlit as st

from app.ui.components.html import element


def keep(key: str, text: str, *, refused: bool = False) -> None:
    """Have the page tell it when it is drawn next. `refused`: nothing was done, and the text says why."""
    st.session_state[key] = (text, refused)


def show(key: str) -> None:
    """Tell it; a refusal stands out, and is read out by screen readers at once."""
    text, refused = st.session_state.pop(key, ("", False))
    if not text:
        return
    mark = element("span", "✕ ", aria_hidden="true") if refused else None
    st.html(
        element("p", mark, text, class_="wk-failed" if refused else "wk-lead", role="alert" if refused else "status")
    )
