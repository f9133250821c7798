"""The settings in force, and who says so."""

from __future__ import annotations

import streamlit as st

from app.ui import data
from app.ui.components import wording
from app.ui.components.html import Html, element, join, title
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
        st.html(join(title("Set"), _list(given)))
    if rest:
        st.html(join(title("Defaults"), _list(rest)))


def _list(found: list[Setting]) -> Html:
    """One row a setting; on a narrow screen its parts stand below each other."""
    return element("div", *(_setting(one) for one in found), class_="wk-settings")


def _setting(one: Setting) -> Html:
    said_by = element("span", f" ({one.source})", class_="wk-since") if one.source != DEFAULT else None
    return element(
        "div",
        element("code", one.name),
        element("div", element("b", one.value or wording.NO_VALUE), said_by),
        element("div", one.help[:1].upper() + one.help[1:], class_="wk-since"),
        class_="wk-setting",
    )
