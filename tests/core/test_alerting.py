"""When an alert fires and when it resolves."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from app.core.alerting import AlertState, Finding, State, decide, fingerprint
from app.core.model import Outcome, Window

DAY = timedelta(days=1)
START = datetime(2026, 3, 1, tzinfo=UTC)


def finding(outcome: Outcome, day: int = 0, reason: str = "", since: int | None = None) -> Finding:
    start = START + day * DAY
    return Finding(
        check="missing_values",
        subject="dep_delay",
        segment="",
        outcome=outcome,
        window=Window(start, start + DAY),
        value=0.3,
        limit=0.1,
        statistic="share missing",
        reason=reason,
        since=None if since is None else START + since * DAY,
    )


def known(state: State, day: int = 0) -> AlertState:
    return AlertState(state, START + day * DAY, START if state is State.FIRING else None)


OK, BREACH, CANNOT_TELL = Outcome.OK, Outcome.BREACH, Outcome.NOT_EVALUATED
FIRING, RESOLVED = State.FIRING, State.RESOLVED

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
]


@pytest.mark.parametrize(
    ("before", "found", "state", "changed", "reason"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_decide(before: AlertState | None, found: Finding, state: State, changed: bool, reason: str) -> None:
    decision = decide(before, found)

    assert (decision.state, decision.changed, decision.reason) == (state, changed, reason)


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

    @invariant()
    def fires_exactly_while_the_newest_judged_window_is_a_breach(self) -> None:
        firing = self.state is not None and self.state.state is FIRING
        assert firing is (self.verdict is BREACH)

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
