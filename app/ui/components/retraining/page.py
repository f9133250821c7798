"""The page of retraining: runs and what waits for a decision, asking by hand, policies and targets, training sets."""

from __future__ import annotations

import streamlit as st

from app.ui.components import choice
from app.ui.components.html import element, join
from app.ui.components.retraining import asking, policies, runs, training_sets

PARTS = {
    "runs": ("Runs", runs.show),
    "ask": ("Ask by hand", asking.show),
    "policies": ("Policies and targets", policies.show),
    "sets": ("Training sets", training_sets.show),
}


def show() -> None:
    """The part that the address or the person asks for."""
    lead = "What was asked of training pipelines, and what became of it."
    st.html(join(element("h1", "Retraining", class_="wk-title"), element("p", lead, class_="wk-lead")))
    part = choice.buttons(
        "part", "Part", list(PARTS), "runs", joined=True, words=lambda name: PARTS[name][0], hidden_label=True
    )
    PARTS[part][1]()
