"""The life of a run as steps."""

from __future__ import annotations

from app.core.retraining_run import FINAL, RunState
from app.services.read_models.retraining import Lived
from app.ui.components import wording
from app.ui.components.steps import Step

_ORDER = (RunState.WAITING, RunState.REQUESTED, RunState.ACCEPTED, RunState.RUNNING, RunState.SUCCEEDED)
_NAMES = {
    RunState.WAITING: "Waits for approval",
    RunState.REQUESTED: "Requested",
    RunState.ACCEPTED: "Accepted",
    RunState.RUNNING: "Running",
    RunState.SUCCEEDED: "Succeeded",
    RunState.FAILED: "Failed",
    RunState.TIMED_OUT: "Timed out",
    RunState.CANCELLED: "Cancelled",
}


def life(lived: Lived) -> list[Step]:
    """What it went through with the times, then what is still to come; what was passed over is left out."""
    state, found = lived.run.state, []
    for place, step in enumerate(lived.steps):
        at, last = RunState(step.new_state), place == len(lived.steps) - 1
        by = f" by {step.by}" if step.by and step.by != "worker" else ""
        found.append(Step(_NAMES[at], _how(at, last=last), wording.moment(step.at) + by))
    if state in FINAL:
        return found
    ahead = _ORDER[_ORDER.index(state) + 1 :]
    return [*found, *(Step(_NAMES[one], "ahead") for one in ahead)]


def _how(state: RunState, *, last: bool) -> str:
    if state in (RunState.FAILED, RunState.TIMED_OUT):
        return "failed"
    return "now" if last and state not in FINAL else "done"
