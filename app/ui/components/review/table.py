"""Many rows at once in a table: labels are typed or pasted, and saved together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import streamlit as st

from app.core.errors import WatchkeeperError
from app.core.model import Task
from app.core.records import Scalar
from app.core.review import Kind, Verdict
from app.services.read_models.reviews import ReviewStanding
from app.services.review_answers import Answer, Refusal
from app.ui import data
from app.ui.components import wording
from app.ui.components.html import element, table
from app.ui.components.review import answering, card, empty_queue, frame

SIZES = (10, 25, 50, 100)
_USUAL = 25
_TABLE = "review-table"


@dataclass(slots=True)
class Work:
    """The rows that somebody took, and what was typed so far: it outlives going to another page and back."""

    about: tuple[str, Kind, str]
    rows: list[dict[str, Any]]
    typed: dict[int, frame.Typed] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)
    base: pd.DataFrame = field(default_factory=pd.DataFrame)
    generation: int = 0


def show(model: str, kind: Kind, who: str, standing: ReviewStanding) -> None:
    """The rows that somebody took, or the button that takes some."""
    about = (model, kind, who)
    works: dict[tuple[str, Kind, str], Work] = st.session_state.setdefault(_TABLE, {})
    answering.say()
    work = works.get(about)
    if work is None or not work.rows:
        works.pop(about, None)
        _take(about, works, standing)
    else:
        _edit(work, works, standing.task)


def _take(about: tuple[str, Kind, str], works: dict[tuple[str, Kind, str], Work], standing: ReviewStanding) -> None:
    model, kind, who = about
    queue = standing.queues[kind]
    mine = queue.held[who].rows if who in queue.held else 0
    if not queue.free + mine:
        empty_queue.show(model, kind, who, standing)
        return
    st.html(element("p", "Take rows to label: nobody else gets them for 15 minutes.", class_="wk-why"))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        size = st.selectbox("Rows", SIZES, index=SIZES.index(_USUAL), key="review-size", width=100)
        if not st.button("Take rows", type="primary", key="review-take"):
            return
    try:
        works[about] = Work(about, data.reviews.next_rows(model, kind, who, size))
    except WatchkeeperError as error:
        answering.tell(str(error), failed=True)
    st.rerun()


def _edit(work: Work, works: dict[tuple[str, Kind, str], Work], task: Task) -> None:
    model, kind, who = work.about
    shown = card.shows_answer(kind)
    classes = _classes(model, work.rows)
    first = work.rows[0]["item"]  # what was typed must not reach somebody else's rows, or those taken next
    key = f"review-editor-{model}-{kind}-{who}-{first}-{work.generation}-{shown}"
    if key not in st.session_state:  # drawn anew: what was typed is part of the table from now on
        work.base = frame.build(work.rows, work.typed, _typical(model, work.rows), task, shown=shown)
    until = min(row["claimed_until"] for row in work.rows)
    about = (
        f"{wording.plural(len(work.rows), 'row')}, yours until {until:%H:%M} UTC. Leave a label empty to decide later."
    )
    st.html(element("p", about, class_="wk-facts"))
    edited = st.data_editor(
        work.base,
        key=key,
        hide_index=True,
        column_config=frame.columns(work.base, task, classes),
        disabled=[name for name in work.base.columns if name not in frame.EDITABLE],
        alt="Rows to label: choose a label, or mark what cannot be told",
    )
    work.typed = frame.typed(edited, [row["item"] for row in work.rows])
    _refusals(work)
    with st.container(horizontal=True):
        filled = len(work.typed)
        label = f"Save {wording.plural(filled, 'row')}" if filled else "Save"
        if st.button(label, type="primary" if filled else "secondary", key="review-save", disabled=not filled):
            _save(work)
            st.rerun()
        if st.button("Give the rest back", key="review-back", help="Others may have the rows that you did not save."):
            _give_back(work, works)
            st.rerun()


def _classes(model: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    versions = dict.fromkeys(row["version"] for row in rows)
    return list(dict.fromkeys(name for version in versions for name in data.reviews.classes(model, version)))


def _typical(model: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {name: data.references.typical_rows(model, name) for name in {row["version"] for row in rows}}


def _save(work: Work) -> None:
    model, _, who = work.about
    wrong = [
        Refusal(item, "has a label, and is said to be untellable: choose one")
        for item, t in work.typed.items()
        if t.both
    ]
    answers = [_answer(item, one) for item, one in work.typed.items() if not one.both]
    try:
        refused = wrong + (data.reviews.answer_each(model, answers, who) if answers else [])
    except WatchkeeperError as error:  # nothing of it was saved, and all of it stays in the table
        answering.tell(str(error), failed=True)
        return
    work.refused = {one.item: one.why for one in refused}
    saved = set(work.typed) - set(work.refused)
    work.rows = [row for row in work.rows if row["item"] not in saved]
    work.typed = {item: one for item, one in work.typed.items() if item not in saved}
    work.generation += 1
    text = f"{wording.plural(len(saved), 'row')} saved."
    if refused:
        text += f" {wording.plural(len(refused), 'row')} refused: still in the table, with what you typed."
    answering.tell(text, failed=bool(refused))


def _answer(item: int, one: frame.Typed) -> Answer:
    label: Scalar = one.label
    return Answer(item, Verdict.SKIP) if one.skip else Answer(item, Verdict.CORRECT, label)


def _refusals(work: Work) -> None:
    names = {row["item"]: row["prediction_id"] for row in work.rows}
    rows = [(names[item], why) for item, why in work.refused.items() if item in names]
    if rows:
        st.html(table(["Refused", "Why"], rows))


def _give_back(work: Work, works: dict[tuple[str, Kind, str], Work]) -> None:
    model, _, who = work.about
    items = [row["item"] for row in work.rows]
    if answering.attempt(
        lambda: data.reviews.give_back(model, items, who), f"{wording.plural(len(items), 'row')} given back."
    ):
        works.pop(work.about)
