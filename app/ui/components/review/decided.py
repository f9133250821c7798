"""Who did what: the last decisions, each of which its author can take back."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import streamlit as st

from app.services.read_models.reviews import Decision
from app.ui import data
from app.ui.components import choice, wording
from app.ui.components.html import Html, element, title
from app.ui.components.readings import value_text
from app.ui.components.review import answering
from app.ui.components.review.answering import Given

AT_ONCE = 20
_EVERYBODY, _MINE = "all", "mine"
_WORDS = {_EVERYBODY: "Everybody", _MINE: "Mine"}
_PLACE = "review-decided-before"


def show(model: str, who: str) -> None:
    """A page of decisions, newest first."""
    st.html(title("Who did what", "All decisions, newest first. What is taken back waits for its author again."))
    answering.say()
    whose = choice.buttons("by", "By", [_EVERYBODY, _MINE], _EVERYBODY, words=_WORDS.__getitem__, hidden_label=True)
    if whose == _MINE and not who:
        st.html(element("p", "Give your name above to see what you did.", class_="wk-facts"))
        return
    key = "review-decided-until"
    until = st.date_input("Up to (UTC)", None, max_value="today", format="YYYY-MM-DD", width=160, key=key)
    begin = None if until is None else _end_of(until)
    asked, trail = (model, whose, who, str(until or "")), []
    about, kept = st.session_state.get(_PLACE, (None, []))
    if about == asked:
        trail = kept
    found = data.reviews.decisions(model, who if whose == _MINE else None, trail[-1] if trail else begin, AT_ONCE + 1)
    if not found:
        said = "No older ones." if trail else "Nothing was decided by then." if begin else "Nothing was decided."
        st.html(element("p", said, class_="wk-quiet"))
    for one in found[:AT_ONCE]:
        _line(model, one, mine=one.author == who)
    _pages(asked, trail, found)


def _end_of(day: date) -> tuple[datetime, int]:
    """Where the decisions of the day end, as a place to begin from."""
    return datetime.combine(day, time(), UTC) + timedelta(days=1), 0


def _line(model: str, one: Decision, *, mine: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key=f"decision-{one.item}"):
        st.html(_words(one))
        if mine:
            given = Given(model, one.kind, one.author, one.prediction_id, one.item)
            st.button(
                "Take back",
                key=f"undo-{one.item}",
                help="Only what you said: the label counts as never given.",
                on_click=_take_back,
                args=(given,),
            )


def _take_back(one: Given) -> None:
    answering.take_back(one)


def _words(one: Decision) -> Html:
    label = "skipped" if one.label is None else f"is {value_text(one.label)}"
    agrees = one.label is not None and one.label == one.prediction
    model = value_text(one.prediction) if one.prediction is not None else "nothing"
    said = None if one.label is None else " · as the model said" if agrees else f" · the model said {model}"
    what = element("span", element("b", one.prediction_id), f" {label}", said, class_="wk-decision")
    about = f"{one.author} · {wording.moment(one.at)} · {one.kind.value} · version {one.version}"
    return element("div", what, element("div", about, class_="wk-facts"))


def _pages(about: tuple[str, ...], trail: list[tuple[datetime, int]], found: list[Decision]) -> None:
    with st.container(horizontal=True):
        if trail and st.button("Newer", key="decided-newer", icon=":material/chevron_left:"):
            st.session_state[_PLACE] = (about, trail[:-1])
            st.rerun()
        if len(found) > AT_ONCE and st.button("Older", key="decided-older", icon=":material/chevron_right:"):
            end = found[AT_ONCE - 1]
            st.session_state[_PLACE] = (about, [*trail, (end.at, end.item)])
            st.rerun()
