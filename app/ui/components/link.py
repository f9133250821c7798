"""The page's state in its address, so that a link shows somebody else the same.

Streamlit empties the address on the way to another page. What several pages ask for (`SHARED`) is therefore kept for
the visit as well: somebody who looks at a model and goes on to its features still sees that model.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from urllib.parse import urlencode

import streamlit as st

SHARED = ("model", "version", "segment", "days", "until")
"""What goes along from page to page."""
_OF_THE_MODEL = ("version", "segment", "until")
_OF_ITS_ROWS = ("id", "of")
_KEPT = "kept for the visit"


def asked(name: str, options: Sequence[str], default: str) -> str:
    """What the address asks for, else what was last looked at, where that is one of the options."""
    for value in (st.query_params.get(name), _kept().get(name)):
        if value is not None and value in options:
            return value
    return default


def asked_day(name: str) -> date | None:
    """The day that the address asks for, else the one last looked at; None for none, or what is no day."""
    for value in (st.query_params.get(name), _kept().get(name)):
        try:
            return date.fromisoformat(value or "")
        except ValueError:
            continue
    return None


def page(name: str, **values: str) -> str:
    """The address of another page with what it is to show; what is "" is left out."""
    query = urlencode({key: value for key, value in values.items() if value})
    return f"{name}?{query}" if query else name


def remember(**values: str) -> None:
    """Put the values into the address, where "" takes one out; what stands there already is left alone.

    With another model goes what was said about the one before: its version 1 is not the other's.
    """
    kept = _kept()
    if "model" in values and st.query_params.get("model", values["model"]) != values["model"]:
        for name in {*_OF_THE_MODEL, *_OF_ITS_ROWS} - values.keys():
            st.query_params.pop(name, None)
    if "model" in values and values["model"] != kept.get("model"):
        for name in _OF_THE_MODEL:
            kept.pop(name, None)
    kept.update({name: value for name, value in values.items() if name in SHARED})
    for name, value in values.items():
        if not value:
            st.query_params.pop(name, None)
        elif st.query_params.get(name) != value:
            st.query_params[name] = value


def _kept() -> dict[str, str]:
    kept: dict[str, str] = st.session_state.setdefault(_KEPT, {})
    return kept
