"""The limits that people have set: those that hold, with a way back to the learnt ones, and who set what before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app.ui import data
from app.ui.components import author, wording
from app.ui.components.html import element, join, table, title
from app.ui.components.scope import Scope


def section(of: Scope, rows: Sequence[Mapping[str, Any]]) -> None:
    """What holds, each with its button, then what held."""
    standing = [row for row in rows if row["removed_at"] is None]
    note = "" if standing else "Nobody has set a limit for this model: all are learnt."
    st.html(title("Limits that people set", note))
    for row in standing:
        _card(of, row)
    ended = [row for row in reversed(rows) if row["removed_at"] is not None]
    if ended:
        head = ("Limit of", "Was", "Set", "Ended")
        listed = [
            (
                _name(row),
                f"{row['limit']:g}",
                f"{wording.moment(row['set_at'])} by {row['author']}: {row['reason']}",
                f"{wording.moment(row['removed_at'])} by {row['removed_by']}: {row['removal_reason']}",
            )
            for row in ended
        ]
        st.html(element("details", element("summary", f"{len(ended)} before"), table(head, listed), class_="wk-fold"))


def _card(of: Scope, row: Mapping[str, Any]) -> None:
    key = f"{row['check']} {row['subject']} {row['segment']}"
    with st.container(horizontal=True, vertical_alignment="top", border=True, key=f"silence-limit {key}"):
        with st.container(gap=None, key=f"silence-text-limit {key}"):
            st.html(
                join(
                    element("p", element("b", f"{_name(row)}: {row['limit']:g}"), class_="wk-what"),
                    element(
                        "p",
                        f"Set {wording.moment(row['set_at'])} by {row['author']}: {row['reason']}",
                        class_="wk-facts",
                    ),
                )
            )
        with st.popover("Remove", key=f"remove {key}"), st.form(f"remove form {key}", border=False):
            who, reason = author.ask(), st.text_input("Reason")
            st.html(element("p", "The learnt limit holds again for windows that end from now on.", class_="wk-facts"))
            if st.form_submit_button("Remove this limit"):
                problem = data.limits.remove_limit(of.model, row["check"], row["subject"], row["segment"], who, reason)
                if problem:
                    st.error(problem)
                else:
                    st.rerun()


def _name(row: Mapping[str, Any]) -> str:
    subject = "every subject" if row["subject"] is None else wording.subject_title(row["check"], row["subject"])
    return f"{wording.check_title(row['check'])}, {subject}" + (f" ({row['segment']})" if row["segment"] else "")
