"""Drills: the serving side proves that it can load an earlier version, and how long that takes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import streamlit as st

from app.core.drills import PROMPT, Drill, DrillState
from app.core.errors import WatchkeeperError
from app.core.model import Stage
from app.services.read_models.versions import ModelVersions
from app.ui import data
from app.ui.components import author, told, wording
from app.ui.components.html import Html, code_text, element, join, table, title
from app.ui.components.steps import Step, steps

LOOK_AGAIN = timedelta(seconds=2)
MOST = 20
_SAID = "drill_said"
_STATES = {
    DrillState.RUNNING: "◌ runs",
    DrillState.PASSED: "● passed",
    DrillState.FAILED: "◆ failed",
    DrillState.CALLED_OFF: "○ called off",
}
_STEPS = {"heard": "Heard of it", "loaded_and_answered": "Loaded, and answered", "compared": "Compared"}


def show(found: ModelVersions) -> None:
    """The drill that runs or the form for one, then those that were."""
    lead = (
        "A drill changes nothing that is live: the serving side loads the version and repeats requests that it "
        "answered once; its answers are compared with those."
    )
    st.html(element("p", lead, class_="wk-question"))
    told.show(_SAID)
    known = data.versions.drills_of(found.model)
    if known and known[0].state is DrillState.RUNNING:
        _running(known[0].id)
        _call_off(known[0].id)
    else:
        _form(found)
    st.html(join(title("Drills so far"), history(known)))


def _form(found: ModelVersions) -> None:
    names = [one.name for one in found.versions if one.stage not in (Stage.LIVE, Stage.RETIRED)]
    if not names:
        st.html(element("p", "There is no other version to try.", class_="wk-quiet"))
        return
    with st.container(border=True), st.form("drill", border=False):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            version = st.selectbox(
                "Version", names, names.index(found.fallback) if found.fallback in names else 0, width=200
            )
            longest = st.number_input("Minutes it may take", 1, 1440, int(PROMPT.total_seconds() // 60), width=180)
            who = author.ask(width=220)
        if st.form_submit_button("Start the drill", type="primary"):
            _start(found.model, version, who, timedelta(minutes=int(longest)))


def _start(model: str, version: str, who: str, longest: timedelta) -> None:
    if not who:
        told.keep(_SAID, "Nothing is started: give your name.", refused=True)
    else:
        try:
            made = data.versions.start_drill(model, version, who, longest)
            told.keep(_SAID, f"Drill {made.id} runs: the serving side is asked to load version {made.version}.")
        except WatchkeeperError as error:
            told.keep(_SAID, f"Nothing is started: {error}", refused=True)
    st.rerun()


@st.fragment(run_every=LOOK_AGAIN)
def _running(drill_id: int) -> None:
    """Its steps as they come; the whole page is drawn anew once it is over."""
    one, now = data.versions.drill(drill_id), datetime.now(UTC)
    if one.state is not DrillState.RUNNING:
        st.rerun()
    left = wording.duration(max(one.deadline - now, timedelta(0)))
    said = f"Version {one.version} is tried, with {wording.plural(one.rows, 'request')} to repeat. "
    until = f"It fails by itself at {one.deadline:%H:%M:%S} UTC, in {left}. You may leave this page meanwhile."
    with st.container(border=True):
        st.html(join(element("p", said + until), steps(life(one))))


def _call_off(drill_id: int) -> None:
    """The way to end it without a result, with who and why."""
    with st.popover("Call it off"), st.form(f"call drill {drill_id} off", border=False):
        st.html(element("p", "It then proves nothing, neither way; answers that come later are refused."))
        who = author.ask()
        why = st.text_input("Why", max_chars=500)
        if st.form_submit_button("Call the drill off"):
            try:
                ended = data.versions.call_off_drill(drill_id, who, why)
                told.keep(_SAID, f"Drill {drill_id} is over: {ended.ended}.")
            except WatchkeeperError as error:
                told.keep(_SAID, f"Nothing is called off: {error}", refused=True)
            st.rerun()


def life(one: Drill) -> list[Step]:
    """Its steps with how long each took."""
    found = [Step("Asked for", "done", f"{wording.moment(one.started_at)} by {one.author}")]
    over = one.state is not DrillState.RUNNING
    for name, took in one.steps.items():
        if took is not None:
            failed = name == "compared" and one.state is DrillState.FAILED
            found.append(Step(_STEPS[name], "failed" if failed else "done", f"after {seconds(took)}"))
        else:
            waits = all(step.state == "done" for step in found)
            found.append(Step(_STEPS[name], ("failed" if over else "now") if waits else "ahead"))
    return found


def history(known: list[Drill]) -> Html:
    """The drills, the newest first, with the time of each step."""
    if not known:
        return element(
            "p", code_text("There was none yet. On the command line: `watchkeeper drill`."), class_="wk-quiet"
        )
    rows = [
        (
            element("span", wording.moment(one.started_at), class_="wk-fixed"),
            one.version,
            element("span", _STATES[one.state], class_="wk-fixed"),
            *(seconds(took) if took is not None else wording.NO_VALUE for took in one.steps.values()),
            one.author,
            element("span", _why(one), class_="wk-words"),
        )
        for one in known[:MOST]
    ]
    head = ("Started", "Version", "Stands", *_STEPS.values(), "By", "Why")
    more = f"The newest {MOST} of {len(known)}." if len(known) > MOST else None
    shown = table(head, rows, numbers={3, 4, 5})
    return join(shown, element("p", more, class_="wk-facts") if more else None)


def _why(one: Drill) -> str:
    """Why it ended so; of one that was called off, by whom as well."""
    if one.state is DrillState.CALLED_OFF:
        return one.ended
    return one.reason or wording.NO_VALUE


def seconds(span: timedelta) -> str:
    """How long a step took."""
    value = span.total_seconds()
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.3g} s" if value < 120 else wording.duration(span)
