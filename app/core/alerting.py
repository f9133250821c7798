"""When an alert fires and when it resolves: pure decisions on what the checks found."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.core.causes import Reading, excess_of
from app.core.judgement import windows_waited
from app.core.model import Outcome, Window
from app.core.overrides import SET_BY
from app.core.severity import Severity, severity_of
from app.core.urgency import urgency


class State(StrEnum):
    """Where an alert stands; one that never fired counts as resolved."""

    RESOLVED = "resolved"
    PENDING = "pending"  # in breach, but not for long enough to alarm anybody
    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"  # fires, and somebody has it in hand

    @property
    def open(self) -> bool:
        """Whether it fires, in somebody's hand or not."""
        return self in OPEN


OPEN = frozenset({State.FIRING, State.ACKNOWLEDGED})

NO_DATA_WINDOWS = 3
"""So many windows in a row without a verdict, and it has no data: one or two are what a quiet night leaves."""


@dataclass(frozen=True, slots=True)
class AlertState:
    """What is known of an alert: its state, the start of the window that rests on, since when it fires, and how bad.

    `closed_window`: the start of the newest window that was judged when somebody resolved it by hand.
    """

    state: State
    judged_window: datetime
    since: datetime | None = None
    severity: Severity = Severity.WARNING
    closed_window: datetime | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """The newest judged window of one subject of one check.

    `since` is the start of the first window of the present run of breaches, None when the window is no breach.
    `declared`: how bad it is, where whoever found it knows better than the size tells.
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
    declared: Severity | None = None

    @property
    def series(self) -> tuple[str, str, str]:
        return self.check, self.subject, self.segment

    @property
    def excess(self) -> float:
        """How many times its limit the value lies away from normal, on the side that does harm; it orders a list."""
        return self._excess or 0.0

    @property
    def _excess(self) -> float | None:
        return excess_of(Reading(self.check, self.subject, self.outcome, self.value, self.limit, self.normal))

    @property
    def severity(self) -> Severity:
        """How bad it is, were it a breach."""
        return self.declared or severity_of(self._excess, limit_was_set=SET_BY in self.reason)

    @property
    def urgency(self) -> tuple[float, float, str, str]:
        """What lists are sorted by, the worst first."""
        return urgency(self.severity, self.excess, self.subject, self.segment)

    @property
    def lasted(self) -> int:
        """Windows in breach up to this one, with those that its check waited for before it called it a breach."""
        length = self.window.end - self.window.start  # 0 of what is found at a moment
        before = (self.window.start - (self.since or self.window.start)) // length if length else 0
        return 1 + before + windows_waited(self.reason)


@dataclass(frozen=True, slots=True)
class Decision:
    """The state and severity after a finding, whether that is a change, and why."""

    state: State
    severity: Severity
    changed: bool
    reason: str


def fingerprint(project: str, model: str, version: str, check: str, subject: str, segment: str) -> str:
    """What makes two alerts the same one: SHA-256, in hexadecimal, of the names that identify it."""
    identity = json.dumps([project, model, version, check, subject, segment])
    return hashlib.sha256(identity.encode()).hexdigest()


def decide(known: AlertState | None, finding: Finding, *, after: int = 1) -> Decision:
    """What the finding does to the alert. A window that could not be evaluated changes nothing.

    A breach fires from its window number `after` on; a severity only rises while the breach lasts, and one that rises
    fires again what somebody had acknowledged. What somebody has resolved by hand fires again in a later window alone.
    """
    if finding.outcome is Outcome.NOT_EVALUATED:
        return _same(known, f"cannot tell: {finding.reason or 'the window was not evaluated'}")
    if known and finding.window.start < known.judged_window:
        return _same(known, f"a newer window, of {utc_text(known.judged_window)}, has been judged already")
    if known and known.closed_window and finding.window.start <= known.closed_window:
        return _same(known, "somebody has resolved it; a later window in breach fires it again")
    if finding.outcome is Outcome.BREACH:
        return _on_breach(known, finding, after)
    if known is None or known.state is State.RESOLVED:
        return _same(known, "within its limit")
    healed = f"within its limit again in the window of {utc_text(finding.window.start)}"
    return Decision(State.RESOLVED, known.severity, True, healed)


def _same(known: AlertState | None, reason: str) -> Decision:
    state, severity = (known.state, known.severity) if known else (State.RESOLVED, Severity.WARNING)
    return Decision(state, severity, False, reason)


def _on_breach(known: AlertState | None, finding: Finding, after: int) -> Decision:
    since = f"in breach since the window of {utc_text(finding.since or finding.window.start)}"
    said = f"{since}: {finding.reason}" if finding.reason else since
    if known and known.state.open:
        return _on_breach_of_an_open_alert(known, finding.severity, since, said)
    if finding.lasted >= after:
        return Decision(State.FIRING, finding.severity, True, said)
    waits = f"{since}, for {finding.lasted} of the {after} windows that it takes to fire"
    return Decision(State.PENDING, finding.severity, known is None or known.state is not State.PENDING, waits)


def _on_breach_of_an_open_alert(known: AlertState, severity: Severity, since: str, said: str) -> Decision:
    if severity.rank > known.severity.rank:
        return Decision(State.FIRING, severity, True, f"worse, {severity} after {known.severity}; {said}")
    return Decision(known.state, known.severity, False, f"still {since}")


def without_data(known: AlertState, newest: datetime, window: timedelta, late: timedelta) -> bool:
    """Whether an open alert has had no verdict for so many windows that nobody can say how its subject is now.

    `newest`: start of the newest window there is; `late`: how late labels may come, and verdicts with them.
    """
    return known.state.open and newest - known.judged_window >= NO_DATA_WINDOWS * window + late


def windows_to_fire(fire_after: Mapping[str, int], check: str) -> int:
    """Windows in breach until an alert of the check fires, by what the model's owner declared."""
    return fire_after.get(check, fire_after.get("*", 1))


def utc_text(time: datetime) -> str:
    """A time as people read it, always with its zone, e.g. `2026-03-01 00:00 UTC`. `time` must be in UTC."""
    return f"{time:%Y-%m-%d %H:%M} UTC"
