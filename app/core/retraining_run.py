"""The life of a request for retraining, from the decision to the new version: pure transitions with their reasons."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RunState(StrEnum):
    """Where a run stands."""

    WAITING = "waiting_for_approval"
    REQUESTED = "requested"
    ACCEPTED = "accepted"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"


FINAL = frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.TIMED_OUT, RunState.CANCELLED})
OPEN = tuple(state for state in RunState if state not in FINAL)
UNDER_WAY = (RunState.ACCEPTED, RunState.RUNNING)
REPORTABLE = (RunState.ACCEPTED, RunState.RUNNING, RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED)
"""What the service that trains may say of a run."""

_ORDER = {RunState.REQUESTED: 0, RunState.ACCEPTED: 1, RunState.RUNNING: 2}


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a run: its state, the version that came of it, and whether its request was given up unsent."""

    state: RunState
    version: str = ""
    undelivered: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """The state after something was said of a run, whether that changes anything, and why or why not."""

    state: RunState
    changed: bool
    reason: str


def reported(known: Known, state: RunState, version: str = "", message: str = "") -> Step:
    """What a report of the service does: late and repeated ones change nothing, and none leads backwards."""
    said = f": {message}" if message else ""
    if known.state is RunState.WAITING:
        return _unchanged(known, "it was not asked for yet: somebody has to approve it first")
    if known.state is RunState.SUCCEEDED and state is RunState.SUCCEEDED and version and not known.version:
        return Step(state, True, f"version {version} came of it{said}")
    if known.state in FINAL:
        same = known.state is state and (not version or version == known.version)
        return _unchanged(known, f"it has {'been reported' if same else 'ended'} as {known.state} already")
    if state not in FINAL and _ORDER[state] <= _ORDER[known.state]:
        return _unchanged(known, f"it is {known.state} already")
    if state is RunState.SUCCEEDED:
        came = f"version {version} came of it" if version else "which version came of it was not said"
        return Step(state, True, came + said)
    return Step(state, True, message or f"the service says that it is {state}")


def approved(known: Known, author: str, comment: str) -> Step:
    """Somebody lets the request go."""
    if known.state is not RunState.WAITING:
        return _unchanged(known, f"it does not wait for approval, it is {known.state}")
    return Step(RunState.REQUESTED, True, f"approved by {author}" + (f": {comment}" if comment else ""))


def rejected(known: Known, author: str, comment: str) -> Step:
    """Somebody does not let the request go."""
    if known.state is not RunState.WAITING:
        return _unchanged(known, f"it does not wait for approval, it is {known.state}")
    return Step(RunState.CANCELLED, True, f"rejected by {author}" + (f": {comment}" if comment else ""))


def delivered(known: Known) -> Step:
    """The service has taken the request."""
    if known.state is not RunState.REQUESTED:
        return _unchanged(known, f"it is {known.state} already")
    return Step(RunState.ACCEPTED, True, "the service has taken the request")


def given_up(known: Known, error: str) -> Step:
    """The request could not be delivered, and is not tried any more by itself."""
    if known.state is not RunState.REQUESTED:
        return _unchanged(known, f"it is {known.state} already")
    return Step(RunState.FAILED, True, f"the request could not be delivered: {error}")


def sent_again(known: Known, author: str) -> Step:
    """Somebody has the request sent once more, under the same id, after it was given up."""
    if known.state is not RunState.FAILED or not known.undelivered:
        return _unchanged(known, f"only a request that could not be delivered is sent again; it is {known.state}")
    return Step(RunState.REQUESTED, True, f"sent again by {author}")


def ran_out(known: Known, limit: str) -> Step:
    """The time that the policy gives a run is over."""
    if known.state not in UNDER_WAY:
        return _unchanged(known, f"it is {known.state}")
    return Step(RunState.TIMED_OUT, True, f"nothing more was heard of it within {limit}")


def withdrawn(known: Known, reason: str) -> Step:
    """What was not taken yet is not wanted any more."""
    if known.state not in {RunState.WAITING, RunState.REQUESTED}:
        return _unchanged(known, f"it is {known.state} already")
    return Step(RunState.CANCELLED, True, reason)


def _unchanged(known: Known, reason: str) -> Step:
    return Step(known.state, False, reason)
