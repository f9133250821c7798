"""Controls whose value stands in the address: a link restores them, and a link to the same page changes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import streamlit as st

from app.ui.components import link


def select(
    name: str,
    label: str,
    options: Sequence[str],
    default: str,
    *,
    words: Callable[[str], str] = str,
    width: int = 240,
    key: str = "",
) -> str:
    """One of many, from a list that can be searched. `key` is needed where the same name stands for several things."""
    key = _ready(name, options, default, key)
    chosen = st.selectbox(label, options, format_func=words, key=key, width=width)
    return _chosen(name, key, chosen or default)


def buttons(
    name: str,
    label: str,
    options: Sequence[str],
    default: str,
    *,
    words: Callable[[str], str] = str,
    joined: bool = False,
    hidden_label: bool = False,
    key: str = "",
) -> str:
    """One of a few, all in sight.

    `joined`: in one bar, for steps of the same thing, such as lengths of time, or the parts of a page.
    """
    key = _ready(name, options, default, key)
    draw = st.segmented_control if joined else st.pills
    seen: Literal["visible", "collapsed"] = "collapsed" if hidden_label else "visible"
    chosen = draw(label, options, format_func=words, key=key, required=True, label_visibility=seen)
    return _chosen(name, key, chosen or default)


def text(name: str, label: str, *, placeholder: str = "", width: int = 280) -> str:
    """A text to search for; "" for none. Whatever stands in the address is taken."""
    key, said = name, st.query_params.get(name, "")
    if key not in st.session_state or said != (st.session_state.get(_before(key)) or ""):
        st.session_state[key] = said
    given = st.text_input(label, key=key, placeholder=placeholder, width=width, max_chars=200)
    return _chosen(name, key, (given or "").strip())


def asked(name: str, options: Sequence[str], default: str) -> str:
    """What a `select` that is drawn further down stands at, or will: the newest press, else the address."""
    return str(st.session_state[_ready(name, options, default, "")])


def _ready(name: str, options: Sequence[str], default: str, key: str) -> str:
    """Set the control to what the address asks for, where that is new; gives the control's key."""
    key = key or name
    is_new = key not in st.session_state or st.query_params.get(name) != st.session_state.get(_before(key))
    if is_new or st.session_state[key] not in options:
        st.session_state[key] = link.asked(name, options, default)
    return key


def _chosen(name: str, key: str, value: str) -> str:
    link.remember(**{name: value})
    st.session_state[_before(key)] = value or None
    return value


def _before(key: str) -> str:
    return f"{key}, as the address said"
