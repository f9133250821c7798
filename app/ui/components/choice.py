"""Controls whose value stands in the address: a link restores them, and a link to the same page changes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Literal

import streamlit as st

from app.ui.components import link

_PAGE = "page of the choices"
_BEFORE = ", as the address said"


def entered(page: str) -> None:
    """On another page than in the run before, forget where the controls stood: the address and the visit say it.

    Streamlit may still hold a control of the page before, and one of the same key would be taken for it, yet drawn
    without its value.
    """
    if st.session_state.get(_PAGE) == page:
        return
    st.session_state[_PAGE] = page
    for said in [str(key) for key in st.session_state if str(key).endswith(_BEFORE)]:
        for key in (said, said.removesuffix(_BEFORE)):
            if key in st.session_state:
                del st.session_state[key]


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
    if key not in st.session_state or said != (st.session_state.get(before(key)) or ""):
        st.session_state[key] = said
    given = st.text_input(label, key=key, placeholder=placeholder, width=width, max_chars=200)
    return _chosen(name, key, (given or "").strip())


def day(name: str, label: str, newest: date, *, key: str, width: int = 140) -> date | None:
    """A day up to `newest`; None for the newest, which is not said in the address."""
    said, newest_then = link.asked_day(name), f"{key}, the newest then"
    is_new = key not in st.session_state or said != st.session_state.get(before(key))
    stands = (said or newest) if is_new else st.session_state[key]
    # Whoever looks up to the newest goes on to do so when another one comes, or the newest is taken back.
    follows = stands == st.session_state.get(newest_then) and not said
    st.session_state[key] = newest if follows else min(stands, newest)
    st.session_state[newest_then] = newest
    chosen = st.date_input(label, key=key, max_value=newest, format="YYYY-MM-DD", width=width)
    last = chosen if chosen < newest else None
    link.remember(**{name: last.isoformat() if last else ""})
    st.session_state[before(key)] = last
    return last


def asked(name: str, options: Sequence[str], default: str) -> str:
    """What a `select` that is drawn further down stands at, or will: the newest press, else the address."""
    return str(st.session_state[_ready(name, options, default, "")])


def _ready(name: str, options: Sequence[str], default: str, key: str) -> str:
    """Set the control to what the address asks for, where that is new; gives the control's key."""
    key = key or name
    is_new = key not in st.session_state or st.query_params.get(name) != st.session_state.get(before(key))
    if is_new or st.session_state[key] not in options:
        st.session_state[key] = link.asked(name, options, default)
    return key


def _chosen(name: str, key: str, value: str) -> str:
    link.remember(**{name: value})
    st.session_state[before(key)] = value or None
    return value


def before(key: str) -> str:
    """Where it is kept what the address asked of that control, to tell a new wish from an old one."""
    return f"{key}{_BEFORE}"
