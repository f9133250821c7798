"""The one order of alerts: what somebody has to look at first stands first, in messages and on every page."""

from __future__ import annotations

from app.core.severity import Severity


def urgency(severity: Severity, excess: float, subject: str, segment: str) -> tuple[float, float, str, str]:
    """A key to sort by: the severest first, then what lies farthest from normal measured by its limit, then by name."""
    return -severity.rank, -excess, subject, segment
