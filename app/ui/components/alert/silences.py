"""Silences and maintenance windows: what holds, what will, what held, and a way to end each or make another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import timedelta
from typing import Any

import streamlit as st

from app.core.silences import Matcher
from app.ui import data
from app.ui.components import author, wording
from app.ui.components.alert import silence_form
from app.ui.components.html import Html, element, join, table, title

MOST_PAST = 50
_STATES = {"active": ("cannot_tell", "◌", "Holds now"), "waiting": ("no_data", "▫", "Holds later")}
_NAMES = tuple(spec.name for spec in fields(Matcher))


def show() -> None:
    """What holds or will, a form for another one, then what is over."""
    rows = data.alerts.all_silences()
    standing = [row for row in rows if row["status"] != "ended"]
    st.html(element("p", _headline(standing), class_="wk-lead"))
    for row in sorted(standing, key=lambda row: (row["status"] != "active", row["starts"])):
        _card(row)
    silence_form.show(opened=not standing)
    _past([row for row in rows if row["status"] == "ended"])


def _headline(standing: Sequence[Mapping[str, Any]]) -> str:
    if not standing:
        return "Nothing is silenced: every alert is told."
    active = sum(row["status"] == "active" for row in standing)
    later = len(standing) - active
    parts = [f"{wording.plural(active, 'silence')} {'holds' if active == 1 else 'hold'} now" if active else ""]
    parts += [f"{wording.plural(later, 'silence')} {'is' if later == 1 else 'are'} to come" if later else ""]
    return "; ".join(part for part in parts if part) + "."


def _card(row: Mapping[str, Any]) -> None:
    colours, mark, word = _STATES[row["status"]]
    badge = element("span", element("span", mark, aria_hidden="true"), word, class_=f"wk-state wk-state-{colours}")
    kind = element("span", "maintenance window, every week" if row["weekly"] else "silence", f" {row['id']}")
    with st.container(horizontal=True, vertical_alignment="top", border=True, key=f"silence-{row['id']}"):
        with st.container(gap=None, key=f"silence-text-{row['id']}"):
            st.html(
                join(
                    element("div", badge, kind, class_="wk-statusline"),
                    element("p", element("b", matcher_words(row)), class_="wk-what"),
                    element("p", f"{when_words(row)}. {row['author']}: {row['comment']}", class_="wk-facts"),
                    _meant(row),
                )
            )
        with st.popover("End it", key=f"end-{row['id']}"), st.form(f"end {row['id']}", border=False):
            who = author.ask()
            if st.form_submit_button(f"End silence {row['id']} now"):
                silence_form.done(data.alerts.end_silence(row["id"], who), f"Silence {row['id']} has ended.")


def _meant(row: Mapping[str, Any]) -> Html:
    meant = data.alerts.meant_by(Matcher(**{name: row[name] for name in _NAMES}))
    said = f"{wording.plural(len(meant), 'open alert')} {'fits' if len(meant) == 1 else 'fit'} it at this moment."
    return element("p", said if meant else "No open alert fits it at this moment.", class_="wk-facts")


def matcher_words(row: Mapping[str, Any]) -> str:
    """What it is about, e.g. `model fraud, check volume`."""
    given = [f"{name} {row[name]}" if row[name] else f"no {name}" for name in _NAMES if row[name] is not None]
    return "Alerts with " + ", ".join(given)


def when_words(row: Mapping[str, Any]) -> str:
    """From when to when, or how it recurs."""
    until = f"until {wording.moment(row['expires'])}" if row["expires"] else "until somebody ends it"
    if not row["weekly"]:
        return f"From {wording.moment(row['starts'])} {until}"
    weekly = row["weekly"]
    lasts = wording.duration(timedelta(minutes=weekly["minutes"]))
    return f"Every {weekly['days'].replace(',', ', ')} at {weekly['at']} {weekly['zone']} for {lasts}, {until}"


def _past(rows: Sequence[Mapping[str, Any]]) -> None:
    """What is over, the last one first."""
    if not rows:
        return
    newest = sorted(rows, key=lambda row: row["expires"], reverse=True)[:MOST_PAST]
    listed = [
        (
            matcher_words(row).removeprefix("Alerts with "),
            f"{wording.moment(row['starts'])} to {wording.moment(row['expires'])}",
            row["author"],
            row["comment"],
            f"ended by {row['ended_by']}" if row["ended_by"] else "expired",
        )
        for row in newest
    ]
    note = f"The newest {MOST_PAST} of {len(rows)}." if len(rows) > MOST_PAST else ""
    st.html(join(title("What is over", note), table(("Alerts with", "When", "By", "Comment", "How it ended"), listed)))
