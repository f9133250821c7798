"""The page of settings and health: one part at a time, so that only what is looked at is read."""

from __future__ import annotations

import streamlit as st

from app.ui import data
from app.ui.components import choice
from app.ui.components.health import findings, keys, settings, store, work
from app.ui.components.html import element, join

PARTS = {
    "health": ("Health", findings.show),
    "jobs": ("Jobs", work.show_jobs),
    "queues": ("Queues and clients", work.show_queues),
    "storage": ("Storage", store.show),
    "keys": ("API keys", keys.show),
    "settings": ("Settings", settings.show),
}


def show() -> None:
    """The part that the address or the person asks for."""
    lead = f"Watchkeeper {data.health.PROGRAM}: whether it does its own work, and how it is set."
    st.html(join(element("h1", "Settings and health", class_="wk-title"), element("p", lead, class_="wk-lead")))
    part = choice.buttons(
        "part", "Part", list(PARTS), "health", joined=True, words=lambda name: PARTS[name][0], hidden_label=True
    )
    PARTS[part][1]()
