"""One row at a time, answered with a key: its features, the classes as buttons, skip and undo."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from app.core.errors import WatchkeeperError
from app.core.model import Task
from app.core.records import Scalar
from app.core.review import Kind, Verdict
from app.core.row_comparison import Reading, not_compared
from app.services.read_models.reviews import ReviewStanding
from app.services.review_answers import Answer
from app.ui import data
from app.ui.components import readings, wording
from app.ui.components.html import element, join, markdown_text
from app.ui.components.review import answering, empty_queue
from app.ui.components.review.answering import Given

MOST_BUTTONS = 9
MOST_FEATURES = 12
"""Of those that stand in sight; the others are folded away."""
SKIP, UNDO = "S", "U"
_CARD = "review-card"


def show(model: str, kind: Kind, who: str, standing: ReviewStanding) -> None:
    """The next row for somebody, or why there is none."""
    row = _current(model, kind, who)
    if row is None:
        empty_queue.show(model, kind, who, standing)
        _undo(model, kind, who)
        return
    with st.container(border=True, key="card-review"):
        shown = _about(row, kind)
        left, right = st.columns([7, 3], gap="medium")
        with left:
            _features(model, row)
        with right:
            _answers(model, kind, who, row, standing.task, shown=shown)


def _current(model: str, kind: Kind, who: str) -> dict[str, Any] | None:
    """The row that this visitor looks at; another one once it is answered or no longer theirs."""
    about, row = st.session_state.get(_CARD, (None, None))
    if about == (model, kind, who) and row["claimed_until"] > datetime.now(UTC):
        return dict(row)
    try:
        rows = data.reviews.next_rows(model, kind, who, 1)
    except WatchkeeperError as error:
        st.html(element("p", str(error), class_="wk-failed", role="alert"))
        return None
    st.session_state[_CARD] = ((model, kind, who), rows[0]) if rows else (None, None)
    return rows[0] if rows else None


def _about(row: dict[str, Any], kind: Kind) -> bool:
    """Which prediction it is; gives whether the model's answer is to be shown."""
    facts = f"{wording.moment(row['event_time'])} · version {row['version']} · {row['reason']}"
    yours = f"yours until {row['claimed_until']:%H:%M} UTC"
    head = element("h2", row["prediction_id"], class_="wk-section wk-review-id")
    st.html(join(head, element("p", f"{facts} · {yours}", class_="wk-facts")))
    return shows_answer(kind)


def shows_answer(kind: Kind) -> bool:
    """Whether the reviewer wants to see what the model said: at first not where that would spoil a measurement."""
    return st.toggle(
        "Show the model's answer",
        value=kind is not Kind.AUDIT,
        key=f"review-shown-{kind}",
        help="Whoever sees an answer tends to agree with it. Audits measure the model, so make them without.",
    )


def _features(model: str, row: dict[str, Any]) -> None:
    typical = data.references.typical_rows(model, row["version"])
    found = typical.compare(row["features"]) if typical else not_compared(row["features"])
    st.html(readings.table(found[:MOST_FEATURES]))
    rest = found[MOST_FEATURES:]
    if rest:
        with st.expander(
            f"{wording.plural(len(rest), 'other feature')}, all usual" if _usual(rest) else "More features"
        ):
            st.html(readings.table(rest))


def _usual(found: Sequence[Reading]) -> bool:
    return not any(one.strange for one in found)


# --- Answers ---------------------------------------------------------------------------------------------------------


def _answers(model: str, kind: Kind, who: str, row: dict[str, Any], task: Task, *, shown: bool) -> None:
    st.html(element("h3", "What is true?", class_="wk-section wk-review-ask"))
    if shown:
        st.html(element("p", "The model says ", element("b", said_text(row)), class_="wk-review-model"))
    classes = data.reviews.classes(model, row["version"])
    if task is Task.REGRESSION:
        _number(model, kind, who, row)
    elif 0 < len(classes) <= MOST_BUTTONS:
        for key, name in zip(shortcuts(classes), classes, strict=True):
            st.button(
                f"It is {markdown_text(name)}",
                key=f"review-{row['item']}-{key}",  # an answer meant for one row must never reach the next
                shortcut=key,
                width="stretch",
                on_click=_give,
                args=(model, kind, who, row, Verdict.CORRECT, name),
            )
    if task is Task.MULTICLASS:
        _other_class(model, kind, who, row, classes)
    skip = (model, kind, who, row, Verdict.SKIP, None)
    key = f"review-{row['item']}-skip"
    st.button("It cannot be told", key=key, shortcut=SKIP, width="stretch", on_click=_give, args=skip)
    _undo(model, kind, who)


def said_text(row: dict[str, Any]) -> str:
    """The model's answer with its score."""
    said = row["prediction"]
    text = readings.value_text(said) if said is not None else "nothing"
    return text if row["score"] is None else f"{text} (score {row['score']:.3f})"


def shortcuts(classes: Sequence[str]) -> list[str]:
    """The key of each class: its own name where all are digits, else its place."""
    own = all(len(name) == 1 and name.isascii() and name.isdigit() for name in classes)
    return [*classes] if own else [str(n) for n in range(1, len(classes) + 1)]


def _number(model: str, kind: Kind, who: str, row: dict[str, Any]) -> None:
    key = f"review-{row['item']}-value"
    with st.form(f"review-{row['item']}-number", clear_on_submit=True, border=False):
        st.number_input("The true value", value=None, key=key, format="%g", placeholder="Type, then Enter")
        args = (model, kind, who, row, key)
        st.form_submit_button("Save", type="primary", width="stretch", on_click=_give_typed, args=args)


def _other_class(model: str, kind: Kind, who: str, row: dict[str, Any], classes: Sequence[str]) -> None:
    key = f"review-{row['item']}-class-name"
    with st.form(f"review-{row['item']}-class", clear_on_submit=True, border=False):
        label = "Another class" if 0 < len(classes) <= MOST_BUTTONS else "The true class"
        options = [] if len(classes) <= MOST_BUTTONS else classes
        st.selectbox(label, options, index=None, accept_new_options=True, key=key, placeholder="Choose or type")
        args = (model, kind, who, row, key)
        st.form_submit_button("Save this class", width="stretch", on_click=_give_typed, args=args)


def _give_typed(model: str, kind: Kind, who: str, row: dict[str, Any], key: str) -> None:
    label = st.session_state.get(key)
    if label is None:
        answering.tell("Nothing was given: type what is true first.", failed=True)
    else:
        _give(model, kind, who, row, Verdict.CORRECT, label)


def _give(model: str, kind: Kind, who: str, row: dict[str, Any], verdict: Verdict, label: Scalar) -> None:
    name = row["prediction_id"]
    if st.session_state.get(_CARD, (None, None))[1] != row:
        answering.tell(f"Ignored: {name} was answered, and the next row did not stand here yet.", failed=True)
        return
    done = f"Skipped: {name}." if verdict is Verdict.SKIP else f"Saved: {name} is {readings.value_text(label)}."
    if answering.attempt(lambda: data.reviews.answer(model, Answer(row["item"], verdict, label), who), done):
        answering.given(Given(model, kind, who, name, row["item"]))
    st.session_state.pop(_CARD, None)  # also when it was refused: somebody else may have it now


def _undo(model: str, kind: Kind, who: str) -> None:
    last = answering.last(model, kind, who)
    hint = f"Takes back what you said about {last.prediction_id}." if last else "Nothing of this visit to take back."
    st.button(
        "Undo the last answer",
        key=f"review-undo-{last.item if last else 0}",  # pressed twice, it must not take back the answer before too
        shortcut=UNDO,
        width="stretch",
        type="tertiary",
        disabled=last is None,
        help=markdown_text(hint),
        on_click=_take_back,
        args=(last,),
    )
    answering.say()


def _take_back(last: Given) -> None:
    answering.take_back(last)
    st.session_state.pop(_CARD, None)
