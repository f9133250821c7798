"""The routes: which alerts go where, in their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app.ui.components import wording
from app.ui.components.channels import route_form, route_preview
from app.ui.components.html import Html, element, join, table, title

_HOW = "The first route that fits takes an alert; what none takes goes to every channel."


def section(rules: Sequence[Mapping[str, Any]]) -> None:
    """The routes as a table, with what is missing marked; ways to change them, and to ask who hears."""
    if not rules:
        st.html(title("Routes", "There is none, so that every alert goes to every channel."))
    else:
        head = ("", "Takes", "To", "How", "By")
        st.html(join(title("Routes", _HOW), table(head, [_row(rule) for rule in rules])))
    with st.expander("Add, change or remove a route"):
        route_form.show(rules)
    with st.expander("Who hears of an alert?"):
        route_preview.ask()


def _row(rule: Mapping[str, Any]) -> tuple[str | Html, ...]:
    how = [
        "in the digest" if rule["digest"] else "at once",
        f"again every {wording.duration(rule['repeat'])}" if rule["repeat"] else "",
        f"escalates after {wording.duration(rule['escalate_after'])}" if rule["escalate_after"] else "",
        f"then to {', '.join(rule['escalate_to'])}" if rule["escalate_to"] else "",
        "and goes on to the next route" if rule["continue"] else "",
    ]
    to = ", ".join(rule["channels"])
    missing = f"✕ not there: {', '.join(rule['missing'])}" if rule["missing"] else None
    off = f"◌ off: {', '.join(rule['off'])}" if rule["off"] else None
    return (
        str(rule["position"]),
        rule["takes"],
        join(
            element("span", to),
            element("div", missing, class_="wk-failed") if missing else None,
            element("div", off) if off else None,
        ),
        ", ".join(part for part in how if part),
        rule["author"],
    )


def takes(rule: Mapping[str, Any], channel: str) -> str:
    """What a route brings to the channel."""
    escalated = channel not in rule["channels"]
    how = " when it escalates" if escalated else " in its digest" if rule["digest"] else ""
    return f"{rule['takes']}{how} (route {rule['position']})"
