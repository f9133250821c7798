"""Days and hours in a zone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.core.calendars import parse_calendar
from app.core.errors import InvalidError

SATURDAY = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)  # the last hour before Berlin's clocks go forward, on its Sunday


@pytest.mark.parametrize(
    ("sentence", "text", "now", "allowed"),
    [
        ("within the hours of a day", "sat 23:00-24:00", SATURDAY, True),
        ("the end is not among them", "sat 23:00-23:30", SATURDAY, False),
        ("the beginning is", "sat 23:30-24:00", SATURDAY, True),
        ("another day", "mon-fri 00:00-24:00", SATURDAY, False),
        ("days over the end of the week", "fri-mon 00:00-24:00", SATURDAY, True),
        ("single days", "mon,sat 00:00-24:00", SATURDAY, True),
        ("the day of the zone", "sun 00:00-01:00 Europe/Berlin", SATURDAY, True),
        ("the day of the zone only", "sat 00:00-24:00 Europe/Berlin", SATURDAY, False),
        ("summer time counts", "sun 03:00-04:00 Europe/Berlin", datetime(2026, 3, 29, 1, 30, tzinfo=UTC), True),
    ],
)
def test_allows(sentence: str, text: str, now: datetime, allowed: bool) -> None:
    calendar = parse_calendar(text)

    assert calendar is not None
    assert calendar.allows(now) is allowed
    assert parse_calendar(calendar.text) == calendar


def test_nothing_is_any_time() -> None:
    assert parse_calendar("") is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("always", "write days, hours and a zone"),
        ("mon-fri 8-18", "write days, hours and a zone"),
        ("mon-fry 08:00-18:00", "days are mon, tue"),
        ("mon 18:00-08:00", "must begin before they end"),
        ("mon 08:00-24:30", "must begin before they end"),
        ("mon 08:75-09:80", "must begin before they end"),
        ("mon 08:00-18:00 Europe/Atlantis", "IANA"),
        ("mon 08:00-18:00 ../etc/passwd", "IANA"),
    ],
)
def test_what_is_wrong_is_said(text: str, why: str) -> None:
    with pytest.raises(InvalidError, match=why) as caught:
        parse_calendar(text)

    assert caught.value.field == "calendar"
