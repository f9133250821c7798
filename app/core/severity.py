"""How bad something is, in the three degrees that people and channels tell apart."""

from __future__ import annotations

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


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}
