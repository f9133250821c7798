"""Runs: what waits for somebody, with its buttons, the newest as steps, and all of them."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.core.errors import WatchkeeperError
from app.core.retraining_run import RunState
from app.services.read_models.retraining import Lived
from app.storage.retraining_runs import StoredRun
from app.ui import data
from app.ui.components import activity, author, empty, told, wording
from app.ui.components.html import Html, element, join, title
from app.ui.components.retraining.life import life
from app.ui.components.steps import steps

SAID = "retraining-said"
MOST_LIVES = 6
_BUTTONS = {
    RunState.WAITING: (("approve", "Approve"), ("reject", "Reject")),
    RunState.FAILED: (("send_again", "Send again"),),
}


def show() -> None:
    """What waits for somebody first, then the newest runs, then all of them."""
    told.show(SAID)
    runs = data.retraining.retraining_runs()
    if not runs:
        empty.no_retraining()
        return
    waiting = [run for run in runs if run.state is RunState.WAITING or run.known.undelivered]
    if waiting:
        _decide(waiting)
    _newest()
    st.html(join(title("All runs"), activity.runs(runs, with_model=True)))


@st.fragment(run_every=data.connection.REFRESH)
def _newest() -> None:
    """The newest runs, drawn again by themselves."""
    st.html(join(title("The newest, step by step"), *map(_life, data.retraining.recent(MOST_LIVES))))


def _life(lived: Lived) -> Html:
    run = lived.run
    came = f"Version {run.new_version} came of it." if run.new_version else ""
    metrics = ", ".join(f"{name} {_number(value)}" for name, value in (run.metrics or {}).items())
    facts = [f"{run.reason}.", came, f"Metrics: {metrics}." if metrics else ""]
    if run.target:
        facts.append(f"Asked of {run.target.name}.")
    return element(
        "section",
        element("h3", f"{run.model} {run.version}"),
        element("p", " ".join(text for text in facts if text), class_="wk-facts"),
        steps(life(lived)),
        class_="wk-run",
    )


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


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
        told.keep(SAID, str(error), refused=True)
    else:
        told.keep(SAID, f"{run.model} {run.version}: {outcome.reason}.")
    st.rerun()
