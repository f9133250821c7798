"""One prediction in full, beside the reference, and saying what is true of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from app.core.errors import WatchkeeperError
from app.core.model import Task
from app.core.row_comparison import Place, Reading, not_compared
from app.services.prediction_detail import Detail
from app.ui import data
from app.ui.components import author, link, readings, wording
from app.ui.components.html import Html, element, join, table, title

TOLD = "explorer told"
"""Of which prediction, and what the last press of a button came to; it stands until another one is looked at."""


def show(model: str, prediction_id: str, version: str | None) -> None:
    """The prediction, or why there is none to show."""
    found = data.explorer.detail(model, prediction_id, version)
    if isinstance(found, str):
        st.html(element("p", found, class_="wk-explorer-problem", role="alert"))
        return
    st.html(join(title(f"Prediction {prediction_id}"), _facts(found)))
    st.button("Close", icon=":material/close:", on_click=link.remember, kwargs={"id": "", "of": ""})
    _features(found)
    _said(found)
    _correct(found)
    _answers(found)


def _facts(found: Detail) -> Html:
    row = found.row
    facts = [
        ("Time", f"{row['event_time']:%Y-%m-%d %H:%M:%S} UTC"),
        ("Version", found.version),
        ("Prediction", wording.NO_VALUE if found.prediction is None else readings.value_text(found.prediction)),
        ("Score", "none" if row["score"] is None else f"{row['score']:.4g}"),
        ("Label", _label(found)),
        ("Latency", "not said" if row["latency_ms"] is None else f"{row['latency_ms']:.4g} ms"),
        *((name, row[column]) for name, column in (("Request", "request_id"), ("Unit", "unit_id")) if row[column]),
        *((name, readings.value_text(value)) for name, value in found.attributes.items()),
    ]
    pairs = [element("div", element("dt", name), element("dd", value)) for name, value in facts]
    return element("dl", *pairs, class_="wk-explorer-facts")


def _label(found: Detail) -> str:
    if found.source is None:
        return "none yet"
    said = f"{readings.value_text(found.label)}, by {found.source.value.replace('_', ' ')}"
    if found.model.task is Task.REGRESSION or found.wrong is None:
        return said
    return f"{said}: {'✗ wrong' if found.wrong else '✓ correct'}"


# --- Features --------------------------------------------------------------------------------------------------------


def _features(found: Detail) -> None:
    typical = data.references.typical_rows(found.model.name, found.version)
    compared = typical.compare(found.features) if typical else not_compared(found.features)
    st.html(title("Features beside the reference", _headline(compared, has_reference=typical is not None)))
    st.html(readings.table(compared))


def _headline(compared: Sequence[Reading], *, has_reference: bool) -> str:
    if not has_reference:
        return "This version has no reference to compare with: import one with `watchkeeper import reference`."
    lost = [one.name for one in compared if one.outside and one.place is Place.MISSING]
    outside = [one.name for one in compared if one.outside and one.place is not Place.MISSING]
    rare = [one.name for one in compared if one.strange]
    found = [f"Outside anything in the reference: {', '.join(outside)}."] if outside else []
    if lost:
        found.append(f"Missing, as never in the reference: {', '.join(lost)}.")
    if rare and not found:
        found.append(f"Nothing is outside of the reference; rare: {', '.join(rare)}.")
    return " ".join(found) or "Nothing is unusual."


# --- What was said ---------------------------------------------------------------------------------------------------


def _said(found: Detail) -> None:
    note = "" if found.counted else "The worker counts what is new in its next round; filters and charts follow then."
    st.html(title("What was said about it", note))
    if not found.said:
        st.html(element("p", "Nothing yet: it counts neither as right nor as wrong.", class_="wk-explorer-note"))
        return
    rows = [
        (
            element("span", wording.moment(one.at), class_="wk-fixed"),
            wording.NO_VALUE if one.label is None else readings.value_text(one.label),
            one.source.value.replace("_", " "),
            one.author or wording.NO_VALUE,
            "● Counts" if one.effective else "○",
            one.why,
        )
        for one in found.said
    ]
    st.html(table(("When", "Label", "Source", "Who", "", "Why"), rows))


def _correct(found: Detail) -> None:
    key = f"{found.version_id} {found.row['prediction_id']}"
    about, told = st.session_state.get(TOLD, ("", ""))
    if about == key:
        st.html(element("p", told, role="status"))
    classes = data.reviews.classes(found.model.name, found.version)
    with st.form(f"correct {key}", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        if found.model.task is Task.REGRESSION or not classes:
            said: str | None = st.text_input("True value", key=f"label {key}", width=200)
        else:
            said = st.selectbox("True class", classes, None, accept_new_options=True, key=f"label {key}", width=200)
        who = author.ask()
        given = st.form_submit_button("Save the correction", type="primary")
        undone = st.form_submit_button("Take back my last one", icon=":material/undo:")
    if given:
        _act(key, lambda: data.explorer.correct(found, str(said or "").strip(), who), f"Saved: {said}, said by {who}.")
    elif undone:
        _act(key, lambda: data.explorer.take_back(found, who), f"Taken back: the last correction by {who}.")


def _act(key: str, act: Callable[[], None], told: str) -> None:
    try:
        act()
    except WatchkeeperError as error:
        told = f"Nothing is changed: {error}"
    data.explorer.detail.clear()
    st.session_state[TOLD] = (key, told)
    st.rerun()


# --- Answers to the same request -------------------------------------------------------------------------------------


def _answers(found: Detail) -> None:
    if found.answers is None:
        note = "The answers of other versions could not be found in time."
        st.html(element("p", note, class_="wk-explorer-note"))
    elif len(found.answers) > 1:
        st.html(title("All answers to the same request", "Within an hour of this one."))
        rows = [
            (
                one.version,
                one.prediction_id,
                wording.moment(one.event_time),
                wording.NO_VALUE if one.prediction is None else readings.value_text(one.prediction),
                wording.NO_VALUE if one.score is None else f"{one.score:.4g}",
            )
            for one in found.answers
        ]
        st.html(table(("Version", "Id", "Time", "Prediction", "Score"), rows, numbers={4}))
