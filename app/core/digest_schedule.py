"""When digests are due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.core.silences import WEEKDAYS

FORM = "write daily HH:MM [zone] [always], or weekly mon HH:MM [zone] [always]; empty for none"


@dataclass(frozen=True, slots=True)
class Schedule:
    """When digests are due: every day, or on one `weekday` (0: Monday), at that time of the clocks of the zone.

    `always`: also when there is nothing to say.
    """

    at: time
    zone: str = "UTC"
    weekday: int | None = None
    always: bool = False

    @property
    def period(self) -> timedelta:
        """What one digest is about."""
        return timedelta(days=1 if self.weekday is None else 7)

    @property
    def words(self) -> str:
        """Such as `Daily`."""
        return "Daily" if self.weekday is None else "Weekly"

    def last_due(self, now: datetime) -> datetime:
        """The last time, up to now, at which one was due; in UTC."""
        zone = ZoneInfo(self.zone)
        today = now.astimezone(zone).date()
        days = (today - timedelta(days=ago) for ago in range(len(WEEKDAYS) + 1))
        due = (
            datetime.combine(day, self.at, tzinfo=zone).astimezone(UTC)
            for day in days
            if self.weekday in (None, day.weekday())
        )
        return max(one for one in due if one <= now)


def schedule(text: str) -> Schedule | None:
    """The schedule as people write it: `daily 08:00 Europe/Berlin`, `weekly mon 08:00`. None for an empty text.

    Raises ValueError that says how to write it.
    """
    words = text.split()
    if not words:
        return None
    always = words[-1] == "always"
    every, *rest = words[:-1] if always else words
    weekday = rest.pop(0).lower() if every == "weekly" and rest else None
    if every not in ("daily", "weekly") or not 1 <= len(rest) <= 2 or (every == "weekly" and weekday not in WEEKDAYS):
        raise ValueError(FORM)
    at, zone = rest[0], rest[1] if len(rest) > 1 else "UTC"
    try:
        ZoneInfo(zone)
        clock = datetime.strptime(at, "%H:%M").time()  # noqa: DTZ007  a time of the clocks in `zone`, whatever the day
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(FORM) from None
    return Schedule(clock, zone, None if weekday is None else WEEKDAYS.index(weekday), always)
