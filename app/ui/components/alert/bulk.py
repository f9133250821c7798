"""To take several alerts in hand at once, or to resolve them, from a list of them.

The list draws itself anew every half minute, and a dialog that it had opened would go with it. So a button leaves word
of what it is about, and the page as a whole opens the dialog.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import streamlit as st

from app.ui import data
from app.ui.components import author, wording
from app.ui.components.alerts import name_of
from app.ui.components.html import element

_ASKED = "alerts to act on"
_MOST_NAMES = 8


def button(label: str, key: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """A button that asks what to do about these alerts."""
    about = (
        f"{name_of(rows[0])}, {wording.check_title(rows[0]['check'])}" if key != "all shown" else "all that are shown"
    )
    if st.button(label, key=f"act on {key}", help=f"{wording.plural(len(rows), 'alert')}: {about}", width="content"):
        st.session_state[_ASKED] = [dict(row) for row in rows]
        st.rerun()


def dialog_asked_for() -> None:
    """The dialog that a button asked for, until it is answered or left."""
    rows = st.session_state.get(_ASKED)
    if rows:
        _dialog(rows)


def _forget() -> None:
    st.session_state.pop(_ASKED, None)


@st.dialog("Take in hand, or resolve", on_dismiss=_forget)
def _dialog(rows: Sequence[Mapping[str, Any]]) -> None:
    names = _names(rows[:_MOST_NAMES])
    more = f" and {len(rows) - _MOST_NAMES} more" if len(rows) > _MOST_NAMES else ""
    st.html(element("p", f"{wording.plural(len(rows), 'alert')}: {names}{more}.", class_="wk-why"))
    with st.form("bulk", border=False):
        who, comment = author.ask(), st.text_input("Comment", placeholder="What is being done, or why it is over")
        with st.container(horizontal=True):
            taken = st.form_submit_button("I have them in hand", type="primary")
            own = any(row["model"] is None for row in rows)
            why = "What is about Watchkeeper itself ends by itself, once `watchkeeper doctor` no longer finds it."
            over = st.form_submit_button("They are over: resolve", disabled=own, help=why if own else None)
    if taken or over:
        act = data.alerts.acknowledge if taken else data.alerts.resolve
        problem = act([row["id"] for row in rows], who, comment)
        if problem:
            st.error(problem)
        else:
            _forget()
            st.rerun()


def _names(rows: Sequence[Mapping[str, Any]]) -> str:
    """What they are about, with the model and version said once where they follow each other."""
    of_one = groupby(rows, key=name_of)
    return "; ".join(f"{name}: {', '.join(map(wording.alert_subject, some))}" for name, some in of_one)
