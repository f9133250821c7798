"""The page of retraining: what waits for a decision, with its buttons, and every run."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.core.errors import WatchkeeperError
from app.core.retraining_run import RunState
from app.storage.retraining_runs import StoredRun
from app.ui import data
from app.ui.components import activity, author, empty, wording
from app.ui.components.html import element, join, title

_SAID = "retraining-said"
_BUTTONS = {
    RunState.WAITING: (("approve", "Approve"), ("reject", "Reject")),
    RunState.FAILED: (("send_again", "Send again"),),
}


def show() -> None:
    """What waits for somebody first, then all runs, the newest first."""
    runs = data.retraining.retraining_runs()
    lead = "What was asked of training pipelines, and what became of it."
    st.html(join(element("h1", "Retraining", class_="wk-title"), element("p", lead, class_="wk-lead")))
    if said := st.session_state.pop(_SAID, ""):
        st.html(element("p", said, class_="wk-facts"))
    if not runs:
        empty.no_retraining()
        return
    waiting = [run for run in runs if run.state is RunState.WAITING or run.known.undelivered]
    if waiting:
        _decide(waiting)
    st.html(join(title("All runs"), activity.runs(runs, with_model=True)))


def _decide(waiting: Sequence[StoredRun]) -> None:
    st.html(title("Waiting for somebody", "Your name is written down beside what you decide."))
    who = author.ask()
    asked = st.query_params.get("run")
    for run in sorted(waiting, key=lambda run: run.webhook_id != asked):
        with st.container(border=True):
            st.html(join(element("h3", f"{run.model} {run.version}"), element("p", _what(run), class_="wk-facts")))
            with st.container(horizontal=True):
                for action, label in _BUTTONS.get(run.state, ()):
                    hint = None if who else "Give your name first."
                    if st.button(label, key=f"{action}-{run.webhook_id}", disabled=not who, help=hint):
                        _do(action, run, who)


def _what(run: StoredRun) -> str:
    where = f" It would go to {run.target.name}." if run.target and run.state is RunState.WAITING else ""
    why = f" It could not be delivered: {run.last_error}." if run.last_error else ""
    return f"{wording.moment(run.created_at)}: {run.reason}.{where}{why}"


def _do(action: str, run: StoredRun, who: str) -> None:
    try:
        outcome = data.retraining.decide(action, run.webhook_id, who)
    except WatchkeeperError as error:
        st.session_state[_SAID] = str(error)
    else:
        st.session_state[_SAID] = f"{run.model} {run.version}: {outcome.reason}."
    st.rerun()
