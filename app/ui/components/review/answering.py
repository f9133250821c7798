"""Giving an answer and taking it back, and telling what happened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from app.core.errors import WatchkeeperError
from app.core.review import Kind
from app.ui import data
from app.ui.components.html import element

_SAID = "review-said"
_HISTORY = "review-history"
_MOST_UNDONE = 50


@dataclass(frozen=True, slots=True)
class Given:
    """An answer of this visit, which can be taken back."""

    model: str
    kind: Kind
    author: str
    prediction_id: str
    item: int


def tell(text: str, *, failed: bool = False) -> None:
    """Have the page say it when it is drawn next."""
    st.session_state[_SAID] = (text, failed)


def say() -> None:
    """What the last action did, read out by screen readers."""
    text, failed = st.session_state.pop(_SAID, ("", False))
    if not text:
        return
    mark = element("span", "✗ " if failed else "✓ ", aria_hidden="true")
    kind = "wk-failed" if failed else "wk-review-said"
    st.html(element("p", mark, text, class_=kind, role="alert" if failed else "status"))


def attempt(act: Callable[[], object], done: str) -> bool:
    """Do it, and say so, or what is wrong with it; True when it was done."""
    try:
        act()
    except WatchkeeperError as error:
        tell(str(error), failed=True)
        return False
    tell(done)
    return True


def given(one: Given) -> None:
    """Remember an answer, so that `undo_last` can take it back."""
    history = st.session_state.setdefault(_HISTORY, [])
    history.append(one)
    del history[:-_MOST_UNDONE]


def last(model: str, kind: Kind, author: str) -> Given | None:
    """The last answer of this visit about a row of that kind."""
    history: list[Given] = st.session_state.get(_HISTORY, [])
    mine = [one for one in history if (one.model, one.kind, one.author) == (model, kind, author)]
    return mine[-1] if mine else None


def take_back(one: Given) -> bool:
    """Withdraw the answer: its row waits for its author again."""
    history: list[Given] = st.session_state.get(_HISTORY, [])
    st.session_state[_HISTORY] = [other for other in history if other != one]
    done = f"Taken back: {one.prediction_id} waits for you again."
    return attempt(lambda: data.reviews.undo(one.model, one.prediction_id, one.author, one.item), done)
