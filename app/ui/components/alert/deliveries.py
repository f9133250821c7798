"""Who was told of an alert, what became of each message, and another try for what was given up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app.services.alert_page import AlertPage, Told
from app.ui import data
from app.ui.components import wording
from app.ui.components.html import Html, element, table, title

_STATES = {"delivered": "● delivered", "pending": "◌ waiting", "dead": "◆ given up"}


def section(page: AlertPage) -> None:
    """The newest messages about the check, the last one first."""
    st.html(title("Who was told", "" if page.told else _nobody(page)))
    if page.told:
        st.html(
            table(
                ("When", "Message", "Channel", "What became of it"), [row for told in page.told for row in _rows(told)]
            )
        )
    given_up = {one["channel"] for told in page.told for one in told.deliveries if one["state"] == "dead"}
    for channel in sorted(given_up):
        if st.button(f"Send again to {channel}", key=f"again {channel}"):
            data.alerts.retry_channel(channel)
            st.rerun()


def _nobody(page: AlertPage) -> str:
    silenced = page.alert["silenced_by"]
    return f"Nobody: {silenced}." if silenced else "Nobody yet: the worker writes messages in its next round."


def _rows(told: Told) -> list[tuple[str | Html, ...]]:
    when = wording.moment(told.at)
    kind = told.kind.capitalize()
    if not told.deliveries:
        return [(when, kind, wording.NO_VALUE, "it waits for the digest, or there was no channel")]
    return [(when, kind, one["channel"], _became(one)) for one in told.deliveries]


def _became(delivery: Mapping[str, Any]) -> Html | str:
    state = _STATES.get(delivery["state"], delivery["state"])
    if delivery["delivered_at"] is not None:
        return f"{state} {wording.moment(delivery['delivered_at'])}"
    attempts = wording.plural(delivery["attempts"], "attempt")
    said = f"{state} after {attempts}: {delivery['last_error']}" if delivery["last_error"] else state
    return element("span", said, class_="wk-failed") if delivery["state"] == "dead" else said
