"""What people are told, when, and what they are spared."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.core.alerting import State
from app.core.messages import Kind
from app.core.notifying import Known, Notice, Pace, Standing, should_notify, what_to_tell
from app.core.severity import Severity
from app.core.silences import Hush, Matcher, Silence

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
PACE = Pace()
FIRING, ACKNOWLEDGED, RESOLVED, PENDING = State.FIRING, State.ACKNOWLEDGED, State.RESOLVED, State.PENDING
WARNING, CRITICAL, INFO = Severity.WARNING, Severity.CRITICAL, Severity.INFO
ANN = Silence(Matcher(model="delay"), NOW - HOUR, NOW + HOUR, "ann", "a migration")


def told(ago: timedelta, state: State = FIRING, severity: Severity = WARNING, escalated: bool = False) -> Known:
    """People know since so long that the alert is in this state."""
    at = NOW - ago
    return Known(state, severity, at, at, at if escalated else None)


def alert(
    state: State,
    known: Known | None = None,
    *,
    severity: Severity = WARNING,
    last: timedelta | None = None,
    no_data: timedelta | None = None,
    ended: timedelta | None = None,
    silenced: bool = False,
    identity: int = 1,
) -> Standing:
    """Times are how long ago something was; `last`: when it was last told, without which it was when it fired."""
    told_at = NOW - last if last else known.alarmed_at if known else None
    hush = Hush(ANN if silenced else None, NOW - ended if ended else None)
    return Standing(identity, state, severity, known, told_at, NOW - no_data if no_data else None, hush, "ann")


CASES = [
    ("an alert that fires is told", alert(FIRING), Kind.FIRING),
    ("once", alert(FIRING, told(HOUR)), None),
    ("and again after four hours", alert(FIRING, told(4 * HOUR)), Kind.REPEATED),
    ("counted from the last message", alert(FIRING, told(9 * HOUR), last=HOUR), None),
    ("what is pending is not told", alert(PENDING), None),
    ("what somebody has in hand is said to those that heard of it", alert(ACKNOWLEDGED, told(HOUR)), Kind.ACKNOWLEDGED),
    ("once, and never repeated", alert(ACKNOWLEDGED, told(9 * HOUR, ACKNOWLEDGED)), None),
    ("what somebody took in hand before anybody heard is not told", alert(ACKNOWLEDGED), None),
    ("nor is that somebody took news in hand", alert(ACKNOWLEDGED, told(HOUR, severity=INFO), severity=INFO), None),
    ("what is given back is told again", alert(FIRING, told(HOUR, ACKNOWLEDGED)), Kind.FIRING),
    ("the end is told", alert(RESOLVED, told(HOUR)), Kind.RESOLVED),
    ("also of what somebody had in hand", alert(RESOLVED, told(HOUR, ACKNOWLEDGED)), Kind.RESOLVED),
    ("the end of what nobody heard of is not", alert(RESOLVED), None),
    ("what becomes critical is told at once", alert(FIRING, told(MINUTE), severity=CRITICAL), Kind.FIRING),
    ("what becomes milder is not", alert(FIRING, told(HOUR, severity=CRITICAL)), None),
    (
        "a critical alert waits half an hour",
        alert(FIRING, told(29 * MINUTE, severity=CRITICAL), severity=CRITICAL),
        None,
    ),
    ("then it is escalated", alert(FIRING, told(HOUR, severity=CRITICAL), severity=CRITICAL), Kind.ESCALATED),
    ("once", alert(FIRING, told(HOUR, severity=CRITICAL, escalated=True), severity=CRITICAL), None),
    (
        "it is repeated like any other, then",
        alert(FIRING, told(5 * HOUR, severity=CRITICAL, escalated=True), severity=CRITICAL),
        Kind.REPEATED,
    ),
    ("what somebody has in hand is not escalated", alert(ACKNOWLEDGED, told(HOUR, ACKNOWLEDGED, CRITICAL)), None),
    ("a warning is never escalated", alert(FIRING, told(2 * HOUR)), None),
    ("an improvement is news", alert(FIRING, severity=INFO), Kind.NEWS),
    ("and news are told once", alert(FIRING, told(99 * HOUR, severity=INFO), severity=INFO), None),
    ("an improvement that turns into harm is an alarm", alert(FIRING, told(MINUTE, severity=INFO)), Kind.FIRING),
    ("a silenced alert tells nobody", alert(FIRING, silenced=True), None),
    ("nor is it repeated", alert(FIRING, told(9 * HOUR), silenced=True), None),
    ("nor escalated", alert(FIRING, told(9 * HOUR, severity=CRITICAL), severity=CRITICAL, silenced=True), None),
    ("nor is its end told before the silence is over", alert(RESOLVED, told(HOUR), silenced=True), None),
    ("what fired in silence and still does is told when it ends", alert(FIRING, ended=MINUTE), Kind.FIRING),
    ("so is what people knew before", alert(FIRING, told(HOUR), ended=MINUTE), Kind.REPEATED),
    ("once", alert(FIRING, told(2 * HOUR), last=MINUTE, ended=HOUR), None),
    ("a silence that ended before the alert fired is no news", alert(FIRING, told(HOUR), ended=2 * HOUR), None),
    ("that there is no data any more is told", alert(FIRING, told(HOUR), no_data=MINUTE), Kind.REPEATED),
    ("once", alert(FIRING, told(2 * HOUR), last=MINUTE, no_data=HOUR), None),
    ("and not of what somebody has in hand", alert(ACKNOWLEDGED, told(HOUR, ACKNOWLEDGED), no_data=MINUTE), None),
]


@pytest.mark.parametrize(("standing", "kind"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_should_notify(standing: Standing, kind: Kind | None) -> None:
    verdict = should_notify(standing, NOW, PACE)

    assert verdict.kind is kind
    assert verdict.reason


def test_who_asks_for_no_escalation_gets_none() -> None:
    unheeded = alert(FIRING, told(3 * HOUR, severity=CRITICAL), severity=CRITICAL)

    assert should_notify(unheeded, NOW, Pace(escalate=None)).kind is None


def test_what_is_not_told_says_why() -> None:
    assert should_notify(alert(FIRING, silenced=True), NOW, PACE).reason == "silenced by ann: a migration"
    assert should_notify(alert(FIRING, told(HOUR)), NOW, PACE).reason == (
        "told at 2026-03-01 11:00 UTC; again at 2026-03-01 15:00 UTC"
    )


def notices(*group: Standing) -> list[tuple[Kind, list[int], int]]:
    """Kind of message, the alerts it is about, and how many of the group fire after it."""
    found = what_to_tell([replace(one, id=n) for n, one in enumerate(group)], NOW, PACE)
    return [(notice.kind, [one.id for one in notice.alerts], notice.remaining) for notice in found]


TOLD_AHEAD = alert(FIRING, told(-HOUR))
NEW, OLD, LATELY = alert(FIRING), alert(FIRING, told(HOUR)), alert(FIRING, told(MINUTE))
BAD = alert(FIRING, severity=CRITICAL)
OVER, OVER_LATELY = alert(RESOLVED, told(HOUR)), alert(RESOLVED, told(MINUTE))
DUE = alert(FIRING, told(4 * HOUR))
HELD, HELD_LONG = alert(ACKNOWLEDGED, told(HOUR)), alert(ACKNOWLEDGED, told(9 * HOUR, ACKNOWLEDGED))
BETTER, BETTER_OVER = alert(FIRING, severity=INFO), alert(RESOLVED, told(HOUR, severity=INFO), severity=INFO)
HUSHED = alert(FIRING, told(HOUR), silenced=True)
UNHEEDED = alert(FIRING, told(HOUR, severity=CRITICAL), severity=CRITICAL)

GROUPS = [
    ("what begins together is one message", (NEW, NEW, NEW), [(Kind.FIRING, [0, 1, 2], 3)]),
    ("what joins a group is told without the rest, which is counted", (OLD, NEW), [(Kind.FIRING, [1], 2)]),
    ("but not within five minutes of the last message", (LATELY, NEW), []),
    (
        "a message of the future, before a clock was put back, holds nothing up",
        (TOLD_AHEAD, NEW),
        [(Kind.FIRING, [1], 2)],
    ),
    ("unless it is worse than all that people know", (LATELY, BAD), [(Kind.FIRING, [1], 2)]),
    ("a repetition is of the whole group", (DUE, OLD, HELD_LONG), [(Kind.REPEATED, [0, 1], 3)]),
    ("and waits until what is new has been told", (DUE, NEW), [(Kind.FIRING, [1], 2)]),
    ("what leaves a group is told, with how many are left", (OVER, OLD), [(Kind.RESOLVED, [0], 1)]),
    ("but not within five minutes of the last message", (OVER_LATELY, LATELY), []),
    ("the end of the group is told at once", (OVER_LATELY, OVER), [(Kind.RESOLVED, [0, 1], 0)]),
    ("what takes its place is told first", (OVER, NEW), [(Kind.FIRING, [1], 1), (Kind.RESOLVED, [0], 1)]),
    ("a group is acknowledged", (HELD, HELD), [(Kind.ACKNOWLEDGED, [0, 1], 2)]),
    ("not while a part of it is in nobody's hand", (HELD, OLD), []),
    ("an improvement beside an alarm is news of its own", (NEW, BETTER), [(Kind.FIRING, [0], 1), (Kind.NEWS, [1], 1)]),
    ("the end of news is news, and no resolve", (BETTER_OVER, OLD), [(Kind.NEWS, [0], 1)]),
    ("news that turn into harm are an alarm", (alert(FIRING, told(HOUR, severity=INFO)),), [(Kind.FIRING, [0], 1)]),
    ("what is silenced is not repeated with the others", (DUE, HUSHED), [(Kind.REPEATED, [0], 2)]),
    ("what nobody heeds is escalated by itself", (UNHEEDED, OLD), [(Kind.ESCALATED, [0], 2)]),
    ("nothing happened, nothing is told", (OLD, HELD_LONG, alert(RESOLVED)), []),
]


@pytest.mark.parametrize(("group", "told_of"), [case[1:] for case in GROUPS], ids=[case[0] for case in GROUPS])
def test_what_to_tell(group: tuple[Standing, ...], told_of: list[tuple[Kind, list[int], int]]) -> None:
    assert notices(*group) == told_of


def test_an_alarm_counts_the_others_so_that_they_need_no_repetition_soon() -> None:
    notice: Notice = what_to_tell([replace(OLD, id=1), replace(NEW, id=2), replace(HUSHED, id=3)], NOW, PACE)[0]

    assert [one.id for one in notice.mentioned] == [1]
