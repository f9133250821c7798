"""When something may be done: days of the week and hours of the day, in a zone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.core.errors import InvalidError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TEXT = re.compile(r"([a-z,-]+) (\d\d):(\d\d)-(\d\d):(\d\d)(?: (\S+))?")
_ALLOWED = "days, hours and a zone, such as 'mon-fri 08:00-18:00 Europe/Berlin'"


@dataclass(frozen=True, slots=True)
class Calendar:
    """Days (0 is Monday) and the span of the day, [start, end), in a zone. `text` is how it was written."""

    days: frozenset[int]
    start: timedelta
    end: timedelta
    zone: str
    text: str

    def allows(self, now: datetime) -> bool:
        """Whether it may be done now."""
        local = now.astimezone(ZoneInfo(self.zone))
        since_midnight = timedelta(hours=local.hour, minutes=local.minute, seconds=local.second)
        return local.weekday() in self.days and self.start <= since_midnight < self.end


def parse_calendar(text: str) -> Calendar | None:
    """`mon-fri 08:00-18:00 Europe/Berlin`, without a zone in UTC; None for an empty text. Raises InvalidError."""
    if not text:
        return None
    match = _TEXT.fullmatch(" ".join(text.split()))
    if match is None:
        raise InvalidError("calendar", text, f"write {_ALLOWED}")
    start, end = (timedelta(hours=int(match[i]), minutes=int(match[i + 1])) for i in (2, 4))
    minutes = max(int(match[3]), int(match[5]))
    if not start < end <= timedelta(days=1) or minutes > 59:
        raise InvalidError("calendar", text, "the hours must begin before they end, within one day")
    return Calendar(_days(match[1], text), start, end, _zone(match[6] or "UTC"), " ".join(text.split()))


def _days(text: str, whole: str) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first not in DAYS or (last or first) not in DAYS:
            raise InvalidError("calendar", whole, f"days are {', '.join(DAYS)}, such as mon-fri or mon,thu")
        start, end = DAYS.index(first), DAYS.index(last or first)
        found |= {day % 7 for day in range(start, (end if end >= start else end + 7) + 1)}
    return frozenset(found)


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidError(
            "calendar", name, "the zone must be one of the IANA database, such as Europe/Berlin"
        ) from None
    return name
