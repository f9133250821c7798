"""Whether an alert is to ask for a retrained model: a pure decision."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.core.alerting import utc_text


@dataclass(frozen=True, slots=True)
class Policy:
    """When a model asks for retraining: which checks may, how seldom, and with how many new labels at least."""

    checks: tuple[str, ...]
    cooldown: timedelta
    minimum_new_labels: int

    def cooling(self, last_request: datetime | None, now: datetime) -> bool:
        """Whether the last request is too recent for another one."""
        return last_request is not None and now < last_request + self.cooldown


@dataclass(frozen=True, slots=True)
class Facts:
    """What the decision rests on: the check that fires, the last request, and predictions labelled since then."""

    check: str
    last_request: datetime | None
    new_labels: int


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether to ask for retraining, and why or why not."""

    request: bool
    reason: str


def should_request(policy: Policy, facts: Facts, now: datetime) -> Decision:
    """Ask when the policy names the check, the cool-down has passed and there is something new to learn from."""
    if facts.check not in policy.checks:
        return Decision(False, f"{facts.check} is not among the policy's checks ({', '.join(policy.checks)})")
    if facts.last_request is not None and policy.cooling(facts.last_request, now):
        return Decision(False, f"cooling down until {utc_text(facts.last_request + policy.cooldown)}")
    since = "since the last request" if facts.last_request else "so far"
    if facts.new_labels < policy.minimum_new_labels:
        wanted = policy.minimum_new_labels
        return Decision(False, f"{facts.new_labels} new labels {since}, must be at least {wanted}")
    return Decision(True, f"{facts.check} is firing, with {facts.new_labels} new labels {since}")
