"""Limits that a person set in place of the learnt ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from app.core.model import Window

SET_BY = "limit set by"


@dataclass(frozen=True, slots=True)
class Override:
    """A limit of `check` for one subject (None: every subject), in one segment ("": the whole).

    `limit` is in the unit of the statistic. Where only one direction is bad (distances, shares of faults, quality), it
    is the value itself beyond which a window exceeds; where both are, the distance from normal. It holds for windows
    that end after `since`, and no later than `until`. One that is only `tried` comes before those that people set.
    """

    check: str
    subject: str | None
    segment: str
    limit: float
    author: str
    reason: str
    since: datetime
    until: datetime | None = None
    tried: bool = False

    @property
    def words(self) -> str:
        """What is said beside a limit that was set."""
        return f"{SET_BY} {self.author}: {self.reason}"

    def holds(self, window: Window) -> bool:
        """Whether it is the window's limit: those that had ended before it was set keep the limit they had."""
        return self.since < window.end and (self.until is None or window.end <= self.until)


def override_for(
    overrides: Iterable[Override], check: str, subject: str, segment: str, window: Window
) -> Override | None:
    """The override that holds: one for the subject itself before one for every subject, then the newest."""
    holding = [
        one
        for one in overrides
        if one.check == check and one.segment == segment and one.subject in (subject, None) and one.holds(window)
    ]
    return max(holding, key=lambda one: (one.tried, one.subject is not None, one.since), default=None)
