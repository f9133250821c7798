"""Whether a version that was just deployed is to be taken back without asking anybody: a pure decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.core.alerting import utc_text
from app.core.deployments import Deployment, Kind
from app.core.plain_text import one_line
from app.core.severity import Severity

AUTHOR = "rollback policy"
"""By whom an automatic rollback is made, as it is written down."""
_BY_HAND = frozenset({Kind.DEPLOY, Kind.REGISTERED})


@dataclass(frozen=True, slots=True)
class RollbackPolicy:
    """Which checks may take a version back when they are critical, and for how long after its deployment."""

    checks: tuple[str, ...]
    within: timedelta


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alert about the live version that fires, and when it began to. `silenced`: somebody expects it."""

    check: str
    subject: str
    severity: Severity
    fired_at: datetime
    segment: str = ""
    silenced: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What the decision rests on: who is live, all changes in order, the alarms, and where a rollback would lead.

    `target` None: nowhere, for the reason `why_not`.
    """

    live: Sequence[str]
    history: Sequence[Deployment]
    alarms: Sequence[Alarm]
    target: str | None
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether to roll back, and why or why not."""

    roll_back: bool
    reason: str


def should_roll_back(policy: RollbackPolicy, facts: Facts, now: datetime) -> Decision:
    """Roll back once per deployment, soon after it, for a critical alarm that it brought; never back and forth."""
    deployed = _deployment(facts)
    if isinstance(deployed, str):
        return Decision(False, deployed)
    until = deployed.change.at + policy.within
    if now > until:
        why = f"version {deployed.version} was deployed too long ago: it was watched until {utc_text(until)}"
        return Decision(False, why)
    alarms = [one for one in facts.alarms if _counts(one, policy, deployed)]
    if not alarms:
        named = " or ".join(policy.checks)
        return Decision(False, f"no critical alert of {named} since version {deployed.version} is live")
    if facts.target is None:
        return Decision(False, f"nothing to go back to: {facts.why_not}")
    if facts.target in _gone_back_from(facts.history, now - policy.within):
        return Decision(False, f"version {facts.target} was itself gone back from, less than {policy.within} ago")
    first = min(alarms, key=lambda one: (one.fired_at, one.check, one.subject))
    subject = f" of {first.subject}" if first.subject else ""
    more = f" and {len(alarms) - 1} more" if len(alarms) > 1 else ""
    # A subject may be the name of a feature, which holds whatever was sent.
    return Decision(True, one_line(f"critical since {utc_text(first.fired_at)}: {first.check}{subject}{more}"))


def _deployment(facts: Facts) -> Deployment | str:
    """The deployment of the version that is live, or why there is none to take back."""
    if len(facts.live) != 1:
        return "several versions are live on purpose" if facts.live else "no version is live"
    taken_over = [one for one in facts.history if one.takes_over and one.version == facts.live[0]]
    if not taken_over or taken_over[-1].change.kind is Kind.KNOWN:
        return f"when version {facts.live[0]} was deployed is not on record"
    last = taken_over[-1]
    if last.change.kind not in _BY_HAND:
        return f"version {last.version} is live by a rollback: a person has to decide what comes next"
    return last


def _counts(alarm: Alarm, policy: RollbackPolicy, deployed: Deployment) -> bool:
    """What fired before the version was live, its deployment did not bring; what is silenced is known and expected."""
    critical = alarm.check in policy.checks and alarm.severity is Severity.CRITICAL and not alarm.silenced
    return critical and alarm.fired_at >= deployed.change.at


def _gone_back_from(history: Sequence[Deployment], since: datetime) -> set[str]:
    """The versions that a rollback at `since` or later took out."""
    rollbacks = {one.change.at for one in history if one.takes_over and one.change.kind.goes_back}
    return {
        one.version
        for one in history
        if one.change.kind is Kind.SUPERSEDED and one.change.at in rollbacks and one.change.at >= since
    }
