"""The settings in force, and who says so."""

from __future__ import annotations

import streamlit as st

from app.ui import data
from app.ui.components import wording
from app.ui.components.html import Html, element, join, table, title
from app.ui.data.health import Setting

DEFAULT = "default"


def show() -> None:
    """What somebody set, then what stands at its default."""
    found = data.health.configuration()
    given = [one for one in found if one.source != DEFAULT]
    rest = [one for one in found if one.source == DEFAULT]
    said = f"{len(given)} of {len(found)} settings are set; the others are as they come."
    note = "They are read when a process starts. These are the dashboard's; of secrets only that they are set is shown."
    st.html(join(element("p", said, class_="wk-lead"), element("p", note, class_="wk-facts")))
    if given:
        st.html(join(title("Set"), _table(given, source=True)))
    if rest:
        st.html(join(title("Defaults"), _table(rest, source=False)))


def _table(found: list[Setting], *, source: bool) -> Html:
    head = ("Setting", "Value", *(("Said by",) if source else ()), "What it is")
    rows = [
        (
            element("code", one.name),
            one.value or wording.NO_VALUE,
            *((one.source,) if source else ()),
            one.help[:1].upper() + one.help[1:],
        )
        for one in found
    ]
    return table(head, rows)
