"""What people are to be told of alerts now: pure decisions on what is, what they know, and the time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from app.core.alerting import State, utc_text
from app.core.messages import Kind
from app.core.severity import Severity
from app.core.silences import NOT_HUSHED, Hush


@dataclass(frozen=True, slots=True)
class Pace:
    """How often people are told. `escalate`: of an alert of at least the severity `escalates` that nobody has
    acknowledged; None: never.

    `gather`: while a group fires, what joins and what leaves it waits so long for more, as in Alertmanager.
    """

    repeat: timedelta = timedelta(hours=4)
    escalate: timedelta | None = timedelta(minutes=30)
    gather: timedelta = timedelta(minutes=5)
    escalates: Severity = Severity.CRITICAL


@dataclass(frozen=True, slots=True)
class Known:
    """What people have been told of an alert: its state and severity, since when they know, and of the last alarm."""

    state: State
    severity: Severity
    heard_at: datetime
    alarmed_at: datetime
    escalated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """An alert as it is. `known` is None while nobody has heard of it; `told_at`: when it was last told of at all.

    `no_data_at`: since when it is known that nobody can say how it is.
    """

    id: int
    state: State
    severity: Severity
    known: Known | None = None
    told_at: datetime | None = None
    no_data_at: datetime | None = None
    hush: Hush = NOT_HUSHED
    holder: str = ""

    @property
    def alarming(self) -> bool:
        """Whether people believe that it fires: news of an improvement are no alarm."""
        return self.known is not None and self.known.severity is not Severity.INFO


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be said of one alert now (None: nothing), and why."""

    kind: Kind | None
    reason: str


@dataclass(frozen=True, slots=True)
class Notice:
    """One message to be written. `what` happened to these `alerts`; `remaining` of the group fire after it.

    `mentioned`: those of them that an alarm counts, so that it need not be repeated for them so soon.
    """

    what: Kind
    reason: str
    alerts: tuple[Standing, ...]
    mentioned: tuple[Standing, ...]
    remaining: int

    @property
    def kind(self) -> Kind:
        """The kind of message: the end of what was news is news, too."""
        was_news = self.what is Kind.RESOLVED and not any(alert.alarming for alert in self.alerts)
        return Kind.NEWS if was_news else self.what


def should_notify(alert: Standing, now: datetime, pace: Pace) -> Verdict:
    """What is to be said of the alert now, by what people know of it."""
    if alert.hush.by:
        return Verdict(None, alert.hush.by.words)
    match alert.state:
        case State.PENDING:
            return Verdict(None, "not in breach for long enough")
        case State.RESOLVED:
            return _of_a_resolved(alert)
        case State.ACKNOWLEDGED:
            unsaid = alert.alarming and alert.known is not None and alert.known.state is State.FIRING
            return Verdict(Kind.ACKNOWLEDGED if unsaid else None, f"acknowledged by {alert.holder}")
        case State.FIRING:
            return _of_a_firing(alert, now, pace)


def _of_a_resolved(alert: Standing) -> Verdict:
    if alert.known is None:
        return Verdict(None, "nobody heard that it fired")
    return Verdict(Kind.RESOLVED, "it is over")


def _of_a_firing(alert: Standing, now: datetime, pace: Pace) -> Verdict:
    known = alert.known
    if alert.severity is Severity.INFO:
        return Verdict(None, "news is told once") if known else Verdict(Kind.NEWS, "better than normal")
    if known is None:
        return Verdict(Kind.FIRING, "not told yet")
    if known.severity.rank < alert.severity.rank:
        return Verdict(Kind.FIRING, f"worse: {alert.severity}, after {known.severity}")
    if known.state is State.ACKNOWLEDGED:
        return Verdict(Kind.FIRING, "nobody has it in hand any more")
    return _of_a_known_fire(alert, known, now, pace)


def _of_a_known_fire(alert: Standing, known: Known, now: datetime, pace: Pace) -> Verdict:
    told = alert.told_at or known.alarmed_at
    unheeded = known.alarmed_at + pace.escalate if pace.escalate else None
    if alert.severity.rank >= pace.escalates.rank and not known.escalated_at and unheeded and now >= unheeded:
        return Verdict(Kind.ESCALATED, f"nobody has acknowledged it since {utc_text(known.alarmed_at)}")
    if alert.hush.ended and alert.hush.ended > told:
        return Verdict(Kind.REPEATED, "it was silenced, and still fires")
    if alert.no_data_at and alert.no_data_at > told:
        return Verdict(Kind.REPEATED, "there is no data any more to tell how it is now")
    if now >= told + pace.repeat:
        return Verdict(Kind.REPEATED, f"nobody has acknowledged it since {utc_text(known.alarmed_at)}")
    return Verdict(None, f"told at {utc_text(told)}; again at {utc_text(told + pace.repeat)}")


_Due: TypeAlias = Sequence[tuple[Standing, Verdict]]


def what_to_tell(group: Sequence[Standing], now: datetime, pace: Pace) -> list[Notice]:
    """The messages about a group of alerts, which are those of one check of one version: at most one of each kind.

    What joins or leaves a group that goes on waits for `pace.gather` since the last message; its beginning, its end,
    and what is worse than all that people know do not wait. One alarm at a time: a repetition comes after what is new.
    """
    due = [(alert, verdict) for alert in group if (verdict := should_notify(alert, now, pace)).kind]
    last = max((alert.told_at for alert in group if alert.told_at), default=None)
    if last and last <= now < last + pace.gather:  # one in the future is of a clock that was put back
        due = [one for one in due if not _can_wait(*one, group)]
    held_back = {Kind.REPEATED} if {verdict.kind for _, verdict in due} & {Kind.FIRING, Kind.ESCALATED} else set()
    held_back |= set() if _all_in_hand(group, due) else {Kind.ACKNOWLEDGED}
    due = [one for one in due if one[1].kind not in held_back]
    return [_notice(group, due, kind, part) for kind, part in _messages(due)]


def _can_wait(alert: Standing, verdict: Verdict, group: Sequence[Standing]) -> bool:
    going_on = [one.known.severity.rank for one in group if one.known and one.alarming and one.state.open]
    if verdict.kind is Kind.RESOLVED:
        return bool(going_on)
    return alert.known is None and alert.severity.rank <= max(going_on, default=-1)


def _all_in_hand(group: Sequence[Standing], due: _Due) -> bool:
    """Whether nothing of the group fires, or is about to, that nobody has acknowledged."""
    unheeded = any(alert.alarming and alert.state is State.FIRING for alert in group)
    return not unheeded and not any(verdict.kind is Kind.FIRING for _, verdict in due)


def _messages(due: _Due) -> Iterator[tuple[Kind, _Due]]:
    """What is one message each: one of a kind, but the end of news is not told with the end of an alarm."""
    for kind in Kind:
        same = [one for one in due if one[1].kind is kind]
        news = [one for one in same if kind is Kind.RESOLVED and not one[0].alarming]
        yield from ((kind, part) for part in ([one for one in same if one not in news], news) if part)


def _notice(group: Sequence[Standing], due: _Due, what: Kind, part: _Due) -> Notice:
    firing = [one for one in group if one.state is State.FIRING and one.alarming and not one.hush.by]
    told = firing if what is Kind.REPEATED else [alert for alert, _ in part]
    busy = {alert.id for alert, _ in due} | {alert.id for alert in told}
    begun = sum(verdict.kind is Kind.FIRING and not alert.alarming for alert, verdict in due)
    remaining = begun + sum(one.alarming and one.state.open for one in group)
    mentioned = tuple(one for one in firing if one.id not in busy)
    return Notice(what, part[0][1].reason, tuple(told), mentioned, remaining)
