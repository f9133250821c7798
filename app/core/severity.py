"""How bad something is, in the three degrees that people and channels tell apart."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Severity(StrEnum):
    """How soon somebody has to look: whenever they read the news, in working hours, or now."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """Orders severities, the mildest first."""
        return _RANKS[self]

    @property
    def worse(self) -> Severity:
        """The next one up; the worst stays what it is."""
        return _ORDER[min(self.rank + 1, len(_ORDER) - 1)]


_ORDER = tuple(Severity)
_RANKS = {severity: rank for rank, severity in enumerate(_ORDER)}

CRITICAL_EXCESS = 3.0
"""From here on, in limits away from normal, a breach is critical. A learnt limit is 1.25 times the farthest that a
normal window ever strayed: this is almost four times as far, where noise does not get and a broken join or a lost
caller does.
"""


def severity_of(excess: float | None, *, limit_was_set: bool = False) -> Severity:
    """The severity of a breach that lies `excess` times its limit away from normal, on the side that does harm.

    0 is the side that does none (the third window of a breach, already better than normal): that is news, no alarm.
    But of a limit that somebody set on the far side of normal, normal itself may be the breach. None: nobody can say
    how far it is.
    """
    if excess is None:
        return Severity.WARNING
    if excess >= CRITICAL_EXCESS:
        return Severity.CRITICAL
    return Severity.INFO if excess <= 0 and not limit_was_set else Severity.WARNING


def worst(severities: Iterable[Severity]) -> Severity:
    """The worst of at least one."""
    return max(severities, key=lambda severity: severity.rank)
