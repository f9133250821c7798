"""What went wrong, as people remember it: alerts of one check that overlap in time are one incident."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.core.alerting import OPEN, State

_BY_HAND = ("acknowledged by ", "given back by ", "resolved by ")
"""How the reason of a change begins that a person made."""


@dataclass(frozen=True, slots=True)
class AlertChange:
    """One change of an alert's state; `window_start` is the window that it rests on."""

    alert_id: int
    version_id: int
    version: str
    check: str
    what: str
    severity: str
    old_state: str
    new_state: str
    reason: str
    at: datetime
    window_start: datetime


@dataclass(frozen=True, slots=True)
class Incident:
    """A check of a version in breach, from `began` to `ended` (None: it goes on), with what people did about it."""

    version_id: int
    version: str
    check: str
    whats: tuple[str, ...]
    severity: str
    began: datetime
    ended: datetime | None
    why: str
    window_start: datetime
    handled: tuple[str, ...]
    alert_id: int

    def lasted(self, now: datetime) -> timedelta:
        """How long it took, or has taken so far."""
        return (self.ended or now) - self.began


@dataclass(slots=True)
class _Open:
    first: AlertChange
    firing: set[int] = field(default_factory=set)
    whats: dict[str, None] = field(default_factory=dict)
    handled: dict[str, None] = field(default_factory=dict)
    critical: bool = False

    def closed(self, ended: datetime | None) -> Incident:
        one = self.first
        severity = "critical" if self.critical else one.severity
        told = (one.version_id, one.version, one.check, tuple(self.whats), severity, one.at, ended)
        return Incident(*told, one.reason, one.window_start, tuple(self.handled), one.alert_id)


def incidents(changes: Iterable[AlertChange]) -> list[Incident]:
    """The incidents that these changes, the oldest first, tell of; the newest first."""
    found: list[Incident] = []
    going: dict[tuple[int, str], _Open] = {}
    for change in changes:
        key = (change.version_id, change.check)
        one = going.get(key)
        if State(change.new_state) in OPEN:
            one = one or going.setdefault(key, _Open(change))
            one.firing.add(change.alert_id)
            one.whats.setdefault(change.what)
            one.critical |= change.severity == "critical"
        if one is None:
            continue
        if change.reason.startswith(_BY_HAND):
            one.handled.setdefault(change.reason)
        if State(change.new_state) not in OPEN:
            one.firing.discard(change.alert_id)
            if not one.firing:
                found.append(going.pop(key).closed(change.at))
    found += [one.closed(None) for one in going.values()]
    return sorted(found, key=lambda one: (one.began, one.version, one.check), reverse=True)


def time_in_breach(found: Sequence[Incident], since: datetime, until: datetime) -> timedelta:
    """How much of [since, until) at least one incident covers."""
    spans = sorted((max(one.began, since), min(one.ended or until, until)) for one in found)
    total, reached = timedelta(0), since
    for began, ended in spans:
        if ended > reached:
            total += ended - max(began, reached)
            reached = ended
    return total
