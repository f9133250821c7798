"""Who was told of an alert, what became of each message, and another try for what was given up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app.services.alert_page import AlertPage, Told
from app.services.channels import Revival
from app.ui import data
from app.ui.components import wording
from app.ui.components.html import Html, element, join, table, title

_IN_SIGHT = 4
_SAID = "what became of a message that was given up"
_STATES = {"delivered": "● delivered", "pending": "◌ waiting", "dead": "◆ given up"}


def section(page: AlertPage) -> None:
    """The newest messages about the check, the last one first."""
    st.html(title("Who was told", "" if page.told else _nobody(page)))
    if _SAID in st.session_state:
        st.info(st.session_state.pop(_SAID))
    if page.told:
        st.html(join(_table(page.told[:_IN_SIGHT]), _older(page.told[_IN_SIGHT:])))
    given_up = {one["channel"] for told in page.told for one in told.deliveries if one["state"] == "dead"}
    for channel in sorted(given_up):
        if st.button(f"Send again to {channel}", key=f"again {channel}"):
            done = data.alerts.retry_channel(channel)
            if isinstance(done, Revival):
                st.session_state[_SAID] = f"{channel}: {done.words}"
                st.rerun()
            st.error(done)


def _table(messages: Sequence[Told]) -> Html:
    return table(("When", "Message", "Channel", "What became of it"), [row for one in messages for row in _rows(one)])


def _older(messages: Sequence[Told]) -> Html | None:
    """The messages before those in sight, to unfold."""
    if not messages:
        return None
    head = element("summary", f"The {wording.plural(len(messages), 'message')} before")
    return element("details", head, _table(messages), class_="wk-fold")


def _nobody(page: AlertPage) -> str:
    silenced = page.alert["silenced_by"]
    return f"Nobody: {silenced}." if silenced else "Nobody yet: the worker writes messages in its next round."


def _rows(told: Told) -> list[tuple[str | Html, ...]]:
    when = wording.moment(told.at)
    kind = told.kind.capitalize()
    if told.nobody:
        return [(when, kind, wording.NO_VALUE, told.nobody)]
    return [(when, kind, one["channel"], _became(one)) for one in told.deliveries]


def _became(delivery: Mapping[str, Any]) -> Html | str:
    state = _STATES.get(delivery["state"], delivery["state"])
    if delivery["delivered_at"] is not None:
        return f"{state} {wording.moment(delivery['delivered_at'])}"
    attempts = wording.plural(delivery["attempts"], "attempt")
    said = f"{state} after {attempts}: {delivery['last_error']}" if delivery["last_error"] else state
    return element("span", said, class_="wk-failed") if delivery["state"] == "dead" else said
