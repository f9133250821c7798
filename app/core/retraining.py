"""Whether an alert is to ask for a retrained model: a pure decision."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.core.alerting import utc_text
from app.core.calendars import Calendar
from app.core.severity import Severity

MONTH = timedelta(days=30)
"""What a budget counts back."""


@dataclass(frozen=True, slots=True)
class Policy:
    """When a model asks for retraining: which alerts may, how often, when, and with how many new labels at least.

    `budget` are requests in 30 days (None: no bound), `segments` whether a breach in a segment alone may ask,
    `ask_first` whether somebody has to approve each request, `timeout` how long a run may take once it was accepted,
    `training_window` how far back the training set reaches that is offered with a request.
    """

    checks: tuple[str, ...]
    cooldown: timedelta
    minimum_new_labels: int
    minimum_severity: Severity = Severity.WARNING
    budget: int | None = None
    calendar: Calendar | None = None
    ask_first: bool = False
    segments: bool = False
    timeout: timedelta = timedelta(hours=24)
    training_window: timedelta = timedelta(days=90)

    def cooling(self, last_request: datetime | None, now: datetime) -> bool:
        """Whether the last request is too recent for another one."""
        return last_request is not None and now < last_request + self.cooldown


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alert that fires."""

    check: str
    severity: Severity = Severity.WARNING
    segment: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the decision rests on: the alert, earlier requests, and predictions labelled since the last one.

    `recent` are the times of the requests of the last 30 days, oldest first; `under_way` is the state of a run that has
    not ended.
    """

    alarm: Alarm
    last_request: datetime | None
    new_labels: int
    recent: Collection[datetime] = ()
    under_way: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether to ask for retraining, and why or why not."""

    request: bool
    reason: str


def refusal(policy: Policy, alarm: Alarm) -> str:
    """Why an alert may not ask; empty when it may."""
    if alarm.check not in policy.checks:
        return f"{alarm.check} is not among the policy's checks ({', '.join(policy.checks)})"
    if alarm.severity.rank < policy.minimum_severity.rank:
        return f"{alarm.check} is firing as {alarm.severity}, must be at least {policy.minimum_severity}"
    if alarm.segment and not policy.segments:
        return f"{alarm.check} is firing in the segment {alarm.segment} alone, and the policy looks at the whole"
    return ""


def should_request(policy: Policy, facts: Facts, now: datetime) -> Decision:
    """Ask when the alert may, nothing is under way, and labels, cool-down, budget and calendar allow it."""
    no = refusal(policy, facts.alarm) or _not_now(policy, facts, now) or _too_few(policy, facts)
    if no:
        return Decision(False, no)
    where = f" in {facts.alarm.segment}" if facts.alarm.segment else ""
    labels = f"{facts.new_labels:,} new labels {_since(facts)}"
    return Decision(True, f"{facts.alarm.check} is firing{where}, with {labels}")


def _not_now(policy: Policy, facts: Facts, now: datetime) -> str:
    if facts.under_way:
        return f"a run is {facts.under_way} already"
    if facts.last_request is not None and policy.cooling(facts.last_request, now):
        return f"cooling down until {utc_text(facts.last_request + policy.cooldown)}"
    recent = sorted(at for at in facts.recent if at > now - MONTH)
    if policy.budget is not None and len(recent) >= policy.budget:
        until = f"; the next is free at {utc_text(recent[-policy.budget] + MONTH)}" if policy.budget else ""
        return f"the budget of {policy.budget} requests in 30 days is spent{until}"
    if policy.calendar is not None and not policy.calendar.allows(now):
        return f"outside the calendar ({policy.calendar.text})"
    return ""


def _too_few(policy: Policy, facts: Facts) -> str:
    if facts.new_labels >= policy.minimum_new_labels:
        return ""
    return f"{facts.new_labels:,} new labels {_since(facts)}, must be at least {policy.minimum_new_labels:,}"


def _since(facts: Facts) -> str:
    return "since the last request" if facts.last_request else "so far"
