"""What is put before a model's reviewers: turning the queue on, and changing it."""

from __future__ import annotations

from shlex import quote

import streamlit as st

from app.core.model import Task
from app.core.review import MOST_PER_DAY, PER_DAY
from app.services.read_models.reviews import ReviewStanding
from app.ui import data
from app.ui.components import command, wording
from app.ui.components.html import element, title
from app.ui.components.review import answering, empty_queue

_AUDITS, _UNCERTAIN, _NOVEL = "review-audits", "review-uncertain", "review-novel"


def turn_on(model: str, who: str) -> None:
    """The form of a model that has no queue yet."""
    answering.say()
    why = (
        "No prediction of this model is put before reviewers yet. A queue begins with the predictions of the last day, "
        "and takes each later one into account as it comes."
    )
    st.html(title("Start reviewing", why))
    _form(model, who, data.reviews.standing(model), "Start reviewing")


def change(model: str, who: str, standing: ReviewStanding) -> None:
    """The form of a queue, with what is set now."""
    answering.say()
    one = standing.setting
    since = f"Set by {one.author} on {wording.moment(one.changed_at)}." if one else ""
    # Until a day's traffic is known each is drawn, as far as the audits of a day go.
    drawn = ""
    if one and one.audits_per_day and one.pace.probability < 1:
        drawn = f" Each prediction is drawn for an audit with probability {one.pace.probability:.3g}."
    st.html(title("What is put before reviewers", since + drawn))
    _form(model, who, standing, "Save")


def _form(model: str, who: str, standing: ReviewStanding, label: str) -> None:
    one = standing.setting
    with st.form("review-settings", width=640):
        st.number_input(
            "Random audits a day",
            min_value=0,
            max_value=MOST_PER_DAY,
            value=one.audits_per_day if one else PER_DAY,
            key=f"{_AUDITS} {model}",
            help=f"About {PER_DAY} a day tell an error rate of 10 % to 1.5 points within a month. 0: none.",
        )
        if standing.task is not Task.REGRESSION:
            st.toggle(
                "Rows the model nearly decided the other way", one is None or one.uncertain, key=f"{_UNCERTAIN} {model}"
            )
        st.toggle("Rows unlike anything in training", one is None or one.novel, key=f"{_NOVEL} {model}")
        st.form_submit_button(
            label, type="primary" if who else "secondary", disabled=not who, on_click=_save, args=(model, who)
        )
    if not who:
        st.html(element("p", "Give your name above first: it is written down beside the setting.", class_="wk-facts"))
    st.text("On the command line:")
    command.show(f"watchkeeper review settings --model {quote(model)} --audits-per-day {PER_DAY}")


def _save(model: str, who: str) -> None:
    state = st.session_state
    audits = int(state[f"{_AUDITS} {model}"] or 0)
    uncertain, novel = (bool(state.get(f"{name} {model}", False)) for name in (_UNCERTAIN, _NOVEL))
    off = not (audits or uncertain or novel)
    done = "Saved: nothing is put before reviewers any more." if off else "Saved."

    def save() -> None:
        data.reviews.set_review(model, who, audits_per_day=audits, uncertain=uncertain, novel=novel)

    if answering.attempt(save, done) and not off:
        empty_queue.look(model)
