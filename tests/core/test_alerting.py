"""When an alert fires and when it resolves."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from app.core.alerting import AlertState, Finding, State, decide, fingerprint, windows_to_fire, without_data
from app.core.model import Outcome, Window
from app.core.severity import Severity

DAY = timedelta(days=1)
START = datetime(2026, 3, 1, tzinfo=UTC)


def finding(outcome: Outcome, day: int = 0, reason: str = "", since: int | None = None, value: float = 0.2) -> Finding:
    start = START + day * DAY
    return Finding(
        check="missing_values",
        subject="dep_delay",
        segment="",
        outcome=outcome,
        window=Window(start, start + DAY),
        value=value,
        limit=0.1,
        statistic="share missing",
        reason=reason,
        since=None if since is None else START + since * DAY,
    )


def known(state: State, day: int = 0, severity: Severity = Severity.WARNING) -> AlertState:
    return AlertState(state, START + day * DAY, START if state.open else None, severity)


def closed(day: int, judged: int) -> AlertState:
    """Resolved by hand when the newest window was that of `day`; the newest one is now that of `judged`."""
    return AlertState(State.RESOLVED, START + judged * DAY, closed_window=START + day * DAY)


OK, BREACH, CANNOT_TELL = Outcome.OK, Outcome.BREACH, Outcome.NOT_EVALUATED
FIRING, RESOLVED, PENDING, ACKNOWLEDGED = State.FIRING, State.RESOLVED, State.PENDING, State.ACKNOWLEDGED
FAR = 0.5
"""A value five times its limit away."""
CLOSED = "somebody has resolved it; a later window in breach fires it again"

CASES = [
    ("a first breach fires", None, finding(BREACH), FIRING, True, "in breach since the window of 2026-03-01 00:00 UTC"),
    (
        "the reason says since when the run of breaches lasts, and why",
        None,
        finding(BREACH, 4, "above 0.1", since=2),
        FIRING,
        True,
        "in breach since the window of 2026-03-03 00:00 UTC: above 0.1",
    ),
    ("a healthy start is no change", None, finding(OK), RESOLVED, False, "within its limit"),
    (
        "what cannot be told does not fire",
        None,
        finding(CANNOT_TELL, 0, "12 rows, needs 30"),
        RESOLVED,
        False,
        "cannot tell: 12 rows, needs 30",
    ),
    (
        "a breach that goes on does not fire again",
        known(FIRING),
        finding(BREACH, 1, since=0),
        FIRING,
        False,
        "still in breach since the window of 2026-03-01 00:00 UTC",
    ),
    (
        "a healthy newer window resolves",
        known(FIRING),
        finding(OK, 1),
        RESOLVED,
        True,
        "within its limit again in the window of 2026-03-02 00:00 UTC",
    ),
    (
        "what cannot be told does not resolve",
        known(FIRING),
        finding(CANNOT_TELL, 1),
        FIRING,
        False,
        "cannot tell: the window was not evaluated",
    ),
    (
        "late rows that heal the very window that fired resolve it",
        known(FIRING),
        finding(OK, 0),
        RESOLVED,
        True,
        "within its limit again in the window of 2026-03-01 00:00 UTC",
    ),
    (
        "an older window that is judged again does not resolve",
        known(FIRING, 3),
        finding(OK, 2),
        FIRING,
        False,
        "a newer window, of 2026-03-04 00:00 UTC, has been judged already",
    ),
    (
        "an older window that is judged again does not fire",
        known(RESOLVED, 3),
        finding(BREACH, 2),
        RESOLVED,
        False,
        "a newer window, of 2026-03-04 00:00 UTC, has been judged already",
    ),
    (
        "what was resolved fires again",
        known(RESOLVED, 3),
        finding(BREACH, 4),
        FIRING,
        True,
        "in breach since the window of 2026-03-05 00:00 UTC",
    ),
    (
        "what was resolved stays so while healthy",
        known(RESOLVED, 3),
        finding(OK, 4),
        RESOLVED,
        False,
        "within its limit",
    ),
    (
        "what becomes critical while it fires changes, for people to hear of",
        known(FIRING),
        finding(BREACH, 1, "above 0.1", since=0, value=FAR),
        FIRING,
        True,
        "worse, critical after warning; in breach since the window of 2026-03-01 00:00 UTC: above 0.1",
    ),
    (
        "what becomes milder is still as bad as it was",
        known(FIRING, severity=Severity.CRITICAL),
        finding(BREACH, 1, since=0),
        FIRING,
        False,
        "still in breach since the window of 2026-03-01 00:00 UTC",
    ),
    (
        "what somebody has in hand stays so while the breach goes on",
        known(ACKNOWLEDGED),
        finding(BREACH, 1, since=0),
        ACKNOWLEDGED,
        False,
        "still in breach since the window of 2026-03-01 00:00 UTC",
    ),
    (
        "what somebody has in hand fires again when it becomes worse",
        known(ACKNOWLEDGED),
        finding(BREACH, 1, since=0, value=FAR),
        FIRING,
        True,
        "worse, critical after warning; in breach since the window of 2026-03-01 00:00 UTC",
    ),
    (
        "what somebody has in hand resolves like any other",
        known(ACKNOWLEDGED),
        finding(OK, 1),
        RESOLVED,
        True,
        "within its limit again in the window of 2026-03-02 00:00 UTC",
    ),
    (
        "what cannot be told leaves what somebody has in hand with them",
        known(ACKNOWLEDGED),
        finding(CANNOT_TELL, 1),
        ACKNOWLEDGED,
        False,
        "cannot tell: the window was not evaluated",
    ),
    (
        "the window that somebody has resolved does not fire again",
        closed(2, judged=2),
        finding(BREACH, 2, since=0),
        RESOLVED,
        False,
        CLOSED,
    ),
    (
        "not even when it is worse now",
        closed(2, judged=2),
        finding(BREACH, 2, since=0, value=FAR),
        RESOLVED,
        False,
        CLOSED,
    ),
    (
        "a later window in breach does, and says since when",
        closed(2, judged=2),
        finding(BREACH, 3, since=0),
        FIRING,
        True,
        "in breach since the window of 2026-03-01 00:00 UTC",
    ),
    (
        "also one that was healthy and is judged again",
        closed(2, judged=3),
        finding(BREACH, 3),
        FIRING,
        True,
        "in breach since the window of 2026-03-04 00:00 UTC",
    ),
    (
        "a later healthy window confirms the end",
        closed(2, judged=2),
        finding(OK, 3),
        RESOLVED,
        False,
        "within its limit",
    ),
    (
        "what cannot be told leaves it closed",
        closed(2, judged=2),
        finding(CANNOT_TELL, 3),
        RESOLVED,
        False,
        "cannot tell: the window was not evaluated",
    ),
]


@pytest.mark.parametrize(
    ("before", "found", "state", "changed", "reason"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_decide(before: AlertState | None, found: Finding, state: State, changed: bool, reason: str) -> None:
    decision = decide(before, found)

    assert (decision.state, decision.changed, decision.reason) == (state, changed, reason)


TWO_OF_THREE = "beyond the limit in 2 of the last 3 windows"
OF_THREE = "in breach since the window of 2026-03-01 00:00 UTC, for {} of the 3 windows that it takes to fire"
FIRES = "in breach since the window of 2026-03-01 00:00 UTC"
PATIENCE = [
    ("a first breach is pending", None, finding(BREACH), PENDING, True, OF_THREE.format(1)),
    ("a second one still is", known(PENDING), finding(BREACH, 1, since=0), PENDING, False, OF_THREE.format(2)),
    ("the third one fires", known(PENDING, 1), finding(BREACH, 2, since=0), FIRING, True, FIRES),
    ("windows that nobody could judge count, too", known(PENDING), finding(BREACH, 2, since=0), FIRING, True, FIRES),
    (
        "a healthy window ends the wait",
        known(PENDING, 1),
        finding(OK, 2),
        RESOLVED,
        True,
        "within its limit again in the window of 2026-03-03 00:00 UTC",
    ),
    (
        "what cannot be told leaves it pending",
        known(PENDING),
        finding(CANNOT_TELL, 1),
        PENDING,
        False,
        "cannot tell: the window was not evaluated",
    ),
    (
        "what was resolved waits again",
        known(RESOLVED, 3),
        finding(BREACH, 4),
        PENDING,
        True,
        "in breach since the window of 2026-03-05 00:00 UTC, for 1 of the 3 windows that it takes to fire",
    ),
    (
        "the window that the check itself waited for counts",
        known(PENDING),
        finding(BREACH, 1, TWO_OF_THREE, since=0),
        FIRING,
        True,
        f"{FIRES}: {TWO_OF_THREE}",
    ),
]


@pytest.mark.parametrize(
    ("before", "found", "state", "changed", "reason"), [case[1:] for case in PATIENCE], ids=[c[0] for c in PATIENCE]
)
def test_decide_where_an_alert_takes_three_windows(
    before: AlertState | None, found: Finding, state: State, changed: bool, reason: str
) -> None:
    decision = decide(before, found, after=3)

    assert (decision.state, decision.changed, decision.reason) == (state, changed, reason)


@pytest.mark.parametrize(
    ("state", "days", "late", "without"),
    [
        pytest.param(FIRING, 2, 0, False, id="two windows without a verdict are a quiet weekend"),
        pytest.param(FIRING, 3, 0, True, id="three are no data"),
        pytest.param(ACKNOWLEDGED, 3, 0, True, id="whoever has it in hand"),
        pytest.param(FIRING, 9, 7, False, id="verdicts that wait for labels are not missed"),
        pytest.param(FIRING, 10, 7, True, id="until the labels should have come"),
        pytest.param(RESOLVED, 9, 0, False, id="what is over needs no data"),
        pytest.param(PENDING, 9, 0, False, id="nor what has not fired"),
    ],
)
def test_without_data(state: State, days: int, late: int, without: bool) -> None:
    assert without_data(known(state), START + days * DAY, DAY, late * DAY) is without


@pytest.mark.parametrize(
    ("declared", "windows"),
    [({}, 1), ({"*": 2}, 2), ({"*": 2, "volume": 1}, 1), ({"schema": 3}, 1)],
)
def test_windows_to_fire(declared: dict[str, int], windows: int) -> None:
    assert windows_to_fire(declared, "volume") == windows


@dataclass
class Told:
    """What people would have been told: the kinds of messages in order."""

    kinds: list[State]


class AlertLife(RuleBasedStateMachine):
    """Windows are judged, judged again and skipped in any order; people hear of each run of breaches once."""

    def __init__(self) -> None:
        super().__init__()
        self.state: AlertState | None = None
        self.newest = -1
        self.verdict: Outcome | None = None
        self.closed_by_hand = -1  # the newest window by then
        self.told = Told([])

    def see(self, found: Finding) -> None:
        decision = decide(self.state, found)
        if decision.changed:
            self.told.kinds.append(decision.state)
            self.state = AlertState(decision.state, found.window.start, found.since)
        elif self.state and found.outcome is not CANNOT_TELL and found.window.start >= self.state.judged_window:
            self.state = replace(self.state, judged_window=found.window.start)
        elif self.state is None and found.outcome is OK:
            self.state = AlertState(RESOLVED, found.window.start)

    @rule(outcome=st.sampled_from([OK, BREACH]), skipped=st.integers(0, 3))
    def judge_a_new_window(self, outcome: Outcome, skipped: int) -> None:
        self.newest += 1 + skipped
        self.verdict = outcome
        self.see(finding(outcome, self.newest))

    @rule()
    def fail_to_judge_a_new_window(self) -> None:
        self.see(finding(CANNOT_TELL, self.newest + 1))

    @rule(outcome=st.sampled_from([OK, BREACH]), age=st.integers(1, 5))
    def judge_an_older_window_again(self, outcome: Outcome, age: int) -> None:
        if self.newest - age >= 0:
            self.see(finding(outcome, self.newest - age))

    @rule(outcome=st.sampled_from([OK, BREACH]))
    def judge_the_newest_window_again(self, outcome: Outcome) -> None:
        if self.verdict is not None and self.state and self.state.judged_window == START + self.newest * DAY:
            self.verdict = outcome
            self.see(finding(outcome, self.newest))

    @rule()
    def somebody_resolves_it(self) -> None:
        if self.state and self.state.state is FIRING:
            self.closed_by_hand = self.newest
            self.state = replace(self.state, state=RESOLVED, closed_window=self.state.judged_window)
            self.told.kinds.append(RESOLVED)

    @invariant()
    def fires_exactly_while_the_newest_judged_window_is_a_breach_that_nobody_closed(self) -> None:
        firing = self.state is not None and self.state.state is FIRING
        assert firing is (self.verdict is BREACH and self.newest > self.closed_by_hand)

    @invariant()
    def nobody_hears_the_same_twice_in_a_row(self) -> None:
        assert self.told.kinds == [FIRING if n % 2 == 0 else RESOLVED for n in range(len(self.told.kinds))]


test_alert_life = AlertLife.TestCase


def test_fingerprints_tell_all_names_apart() -> None:
    names = ("default", "delay", "1", "volume", "", "")
    moved = ("default", "delay", "1", "", "volume", "")

    assert fingerprint(*names) == fingerprint(*names)
    assert len({fingerprint(*names), fingerprint(*moved), fingerprint("other", *names[1:])}) == 3
    assert len(fingerprint(*names)) == 64


@pytest.mark.parametrize(
    ("nearer", "further"),
    [
        pytest.param((0.2, 0.1), (0.4, 0.1), id="further above the limit"),
        pytest.param((0.74, 0.75, 0.8), (0.5, 0.75, 0.8), id="further below the limit, where lower is worse"),
        pytest.param((0.76, 0.75, 0.8), (0.74, 0.75, 0.8), id="within the limit in the third window of a breach"),
        pytest.param((0.9, 0.75, 0.8), (0.76, 0.75, 0.8), id="on the side that does no harm"),
        pytest.param((-3.1, -3.0), (-9.0, -3.0), id="negative statistics"),
        pytest.param((0.4, 0.1), (0.4, 0.0), id="any value beyond a limit of zero"),
        pytest.param((0.4, 0.1), (math.inf, 0.1), id="infinity"),
        pytest.param((math.nan, 0.1), (0.11, 0.1), id="NaN comes last"),
        pytest.param((None, 0.1), (0.11, 0.1), id="no value comes last"),
    ],
)
def test_excess_orders_breaches(nearer: tuple[float, ...], further: tuple[float, ...]) -> None:
    def excess(value: float, limit: float, normal: float | None = None) -> float:
        return replace(finding(BREACH), value=value, limit=limit, normal=normal).excess

    assert excess(*nearer) < excess(*further)
