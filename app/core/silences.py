"""Silences: alerts that nobody is to be told of for a while, once or every week."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from app.core.patterns import fits

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LONGEST_WEEKLY = timedelta(days=7)
"""A weekly silence that lasted longer would never end."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The names by which an alert is known; model and version are empty where it is about Watchkeeper itself."""

    project: str
    model: str
    version: str
    check: str
    subject: str
    segment: str


@dataclass(frozen=True, slots=True)
class Matcher:
    """Which alerts are meant: those that fit every text that is given. None fits all.

    In a text, `*` stands for any characters, also none, and `?` for one; anything else is itself.
    """

    project: str | None = None
    model: str | None = None
    version: str | None = None
    check: str | None = None
    subject: str | None = None
    segment: str | None = None

    def fits(self, alert: Identity) -> bool:
        """Whether the alert is meant."""
        return all(fits(getattr(self, spec.name), getattr(alert, spec.name)) for spec in fields(self))

    @property
    def words(self) -> str:
        """E.g. `model=fraud check=data_drift`."""
        given = {spec.name: getattr(self, spec.name) for spec in fields(self)}
        return " ".join(f"{name}={text}" for name, text in given.items() if text is not None)


@dataclass(frozen=True, slots=True)
class Weekly:
    """On these days of the week (0: Monday), from that time of the wall clock in that zone, for so long.

    A time that the clocks skip in spring is taken as if they had not been put forward yet; `duration` is real time.
    """

    days: frozenset[int]
    at: time
    duration: timedelta
    zone: str

    def spans(self, around: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The spans [start, end) in UTC that begin in the fortnight up to the day of `around`, the latest first."""
        zone = ZoneInfo(self.zone)
        today = around.astimezone(zone).date()
        for ago in range(2 * len(WEEKDAYS) + 1):
            day: date = today - timedelta(days=ago)
            if day.weekday() in self.days:
                start = datetime.combine(day, self.at, tzinfo=zone).astimezone(UTC)
                yield start, start + self.duration


@dataclass(frozen=True, slots=True)
class Silence:
    """Nobody is told of the alerts that fit, from `starts` until `expires` (None: until somebody ends it).

    With `weekly`, only in those spans of this time.
    """

    matcher: Matcher
    starts: datetime
    expires: datetime | None
    author: str
    comment: str
    weekly: Weekly | None = None

    @property
    def words(self) -> str:
        """What is said of an alert that it silences."""
        return f"silenced by {self.author}: {self.comment}"

    @property
    def never_held(self) -> bool:
        """Whether somebody ended it before it began."""
        return self.expires is not None and self.expires <= self.starts

    def active(self, now: datetime) -> bool:
        """Whether it silences at this moment."""
        return any(start <= now < end for start, end in self._spans(now))

    def last_end(self, now: datetime) -> datetime | None:
        """When it last stopped to silence, up to now; None when it never did."""
        return max((end for _, end in self._spans(now) if end <= now), default=None)

    def _spans(self, now: datetime) -> Iterator[tuple[datetime, datetime]]:
        if self.never_held:
            return
        expires = self.expires or datetime.max.replace(tzinfo=UTC)
        if self.weekly is None:
            yield self.starts, expires
            return
        for start, end in self.weekly.spans(now):
            if max(start, self.starts) < min(end, expires):
                yield max(start, self.starts), min(end, expires)


@dataclass(frozen=True, slots=True)
class Hush:
    """How silences bear on an alert: the one that holds, and when the last one that held has ended."""

    by: Silence | None = None
    ended: datetime | None = None


NOT_HUSHED = Hush()


def hush(silences: Iterable[Silence], alert: Identity, now: datetime) -> Hush:
    """What the silences mean for the alert at this moment."""
    fitting = [silence for silence in silences if silence.matcher.fits(alert)]
    by = next((silence for silence in fitting if silence.active(now)), None)
    ends = (silence.last_end(now) for silence in fitting)
    return Hush(by, max((end for end in ends if end), default=None))
