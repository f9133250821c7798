"""When an alert fires and when it resolves: pure decisions on what the checks found."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.core.causes import Reading, excess_of
from app.core.model import Outcome, Window


class State(StrEnum):
    """An alert is firing or it is not; one that never fired counts as resolved."""

    RESOLVED = "resolved"
    FIRING = "firing"


@dataclass(frozen=True, slots=True)
class AlertState:
    """What is known of an alert: its state, the start of the window that rests on, and since when it fires."""

    state: State
    judged_window: datetime
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """The newest judged window of one subject of one check.

    `since` is the start of the first window of the present run of breaches, None when the window is no breach.
    """

    check: str
    subject: str
    segment: str
    outcome: Outcome
    window: Window
    value: float | None
    limit: float | None
    statistic: str
    reason: str
    expected_rate: float | None = None
    since: datetime | None = None
    normal: float | None = None

    @property
    def series(self) -> tuple[str, str, str]:
        return self.check, self.subject, self.segment

    @property
    def excess(self) -> float:
        """How many times its limit the value lies away from normal, on the side that does harm; it orders a list."""
        return excess_of(Reading(self.check, self.subject, self.outcome, self.value, self.limit, self.normal)) or 0.0


@dataclass(frozen=True, slots=True)
class Decision:
    """The state after a finding, whether that is a change, and why."""

    state: State
    changed: bool
    reason: str


def fingerprint(project: str, model: str, version: str, check: str, subject: str, segment: str) -> str:
    """What makes two alerts the same one: SHA-256, in hexadecimal, of the names that identify it."""
    identity = json.dumps([project, model, version, check, subject, segment])
    return hashlib.sha256(identity.encode()).hexdigest()


def decide(known: AlertState | None, finding: Finding) -> Decision:
    """What the finding does to the alert. A window that could not be evaluated changes nothing."""
    state = known.state if known else State.RESOLVED
    if finding.outcome is Outcome.NOT_EVALUATED:
        return Decision(state, False, f"cannot tell: {finding.reason or 'the window was not evaluated'}")
    if known and finding.window.start < known.judged_window:
        return Decision(state, False, f"a newer window, of {utc_text(known.judged_window)}, has been judged already")
    if finding.outcome is Outcome.BREACH:
        return _on_breach(state, finding)
    return _on_ok(state, finding)


def _on_breach(state: State, finding: Finding) -> Decision:
    since = f"in breach since the window of {utc_text(finding.since or finding.window.start)}"
    if state is State.FIRING:
        return Decision(state, False, f"still {since}")
    return Decision(State.FIRING, True, f"{since}: {finding.reason}" if finding.reason else since)


def _on_ok(state: State, finding: Finding) -> Decision:
    if state is State.RESOLVED:
        return Decision(state, False, "within its limit")
    return Decision(State.RESOLVED, True, f"within its limit again in the window of {utc_text(finding.window.start)}")


def utc_text(time: datetime) -> str:
    """A time as people read it, always with its zone, e.g. `2026-03-01 00:00 UTC`. `time` must be in UTC."""
    return f"{time:%Y-%m-%d %H:%M} UTC"
