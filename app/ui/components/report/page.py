"""The page of reports: Evidently's view of a span of windows, and the review of a project."""

from __future__ import annotations

import streamlit as st

from app.ui.components import choice, scope
from app.ui.components.html import element
from app.ui.components.report import evidently, review

PARTS = {"evidently": ("Evidently reports", evidently.show), "review": ("Project review", review.show)}


def show() -> None:
    """The part that the address or the person asks for."""
    if scope.is_empty():
        return
    st.html(element("h1", "Reports", class_="wk-title"))
    names = list(PARTS)
    part = choice.buttons(
        "part", "Part", names, names[0], joined=True, words=lambda name: PARTS[name][0], hidden_label=True
    )
    PARTS[part][1]()
