"""When digests are due, and what they say."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from app.core.digest_schedule import Schedule, schedule
from app.core.digests import NOTHING, DigestAlert, Part, digest
from app.core.messages import MOST_LINES, Kind, Message
from app.core.severity import Severity

NOW = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)  # a Wednesday
DAY = timedelta(days=1)
DAILY = Schedule(time(8, 0))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", None, id="none at all"),
        pytest.param("daily 08:00", DAILY, id="a day of UTC"),
        pytest.param("daily 08:00 Europe/Berlin always", Schedule(time(8), "Europe/Berlin", None, True), id="a zone"),
        pytest.param("weekly Mon 18:30", Schedule(time(18, 30), "UTC", 0), id="a week"),
    ],
)
def test_schedules_as_people_write_them(text: str, expected: Schedule | None) -> None:
    assert schedule(text) == expected


@pytest.mark.parametrize(
    "text", ["hourly 08:00", "daily", "daily 25:00", "daily 08:00 Mars/Base", "weekly 08:00", "daily 08:00 UTC a b"]
)
def test_what_is_no_schedule_says_how_to_write_one(text: str) -> None:
    with pytest.raises(ValueError, match="write daily HH:MM"):
        schedule(text)


@pytest.mark.parametrize(
    ("plan", "now", "due"),
    [
        pytest.param(DAILY, NOW, NOW.replace(hour=8), id="today"),
        pytest.param(DAILY, NOW.replace(hour=7), NOW.replace(hour=8) - DAY, id="not yet today"),
        pytest.param(DAILY, NOW.replace(hour=8), NOW.replace(hour=8), id="at that moment"),
        pytest.param(
            Schedule(time(8), "Europe/Berlin"), NOW, NOW.replace(hour=7), id="by the clocks of the zone, in winter"
        ),
        pytest.param(
            Schedule(time(8), "Europe/Berlin"),
            datetime(2026, 7, 1, 7, tzinfo=UTC),
            datetime(2026, 7, 1, 6, tzinfo=UTC),
            id="and in summer",
        ),
        pytest.param(Schedule(time(8), "UTC", 0), NOW, NOW.replace(day=9, hour=8), id="last Monday"),
        pytest.param(
            Schedule(time(8), "UTC", 2),
            NOW.replace(hour=7),
            NOW.replace(day=4, hour=8),
            id="a week ago",
        ),
    ],
)
def test_when_the_last_one_was_due(plan: Schedule, now: datetime, due: datetime) -> None:
    assert plan.last_due(now) == due


def one(part: Part = Part.BEGAN, **given: Any) -> DigestAlert:
    values: dict[str, Any] = {
        "model": "fraud",
        "version": "3",
        "check": "data_drift",
        "subject": "age",
        "segment": "",
        "severity": Severity.WARNING,
        "excess": 2.0,
        "value": 0.2,
        "limit": 0.1,
        "since": NOW - DAY,
    }
    return DigestAlert(part, **{**values, **given})


def told(*alerts: DigestAlert, plan: Schedule = DAILY) -> Message | None:
    return digest(alerts, identity="d", plan=plan, since=NOW - DAY, now=NOW)


def test_one_line_for_each_check_names_the_worst_first() -> None:
    message = told(one(), one(subject="income", excess=9.0, value=0.9), one(Part.OVER, check="volume", subject=""))

    assert message is not None
    assert (message.kind, message.severity, message.title) == (
        Kind.DIGEST,
        Severity.INFO,
        "Daily digest: 1 check began, 1 check over",
    )
    assert [(line.subject, line.reason) for line in message.lines] == [
        ("fraud 3: data_drift", "began, warning: income, age: 0.9, limit 0.1; since 2026-03-10 12:00 UTC"),
        ("fraud 3: volume", "over, warning: 0.2, limit 0.1; since 2026-03-10 12:00 UTC"),
    ]
    assert message.note == "from 2026-03-10 12:00 UTC to 2026-03-11 12:00 UTC"


def test_models_stay_together_the_one_with_the_worst_first() -> None:
    message = told(
        one(model="a"),
        one(Part.OVER, model="b", severity=Severity.CRITICAL),
        one(Part.BEGAN, model="b", check="schema", severity=Severity.INFO),
        one(Part.GOES_ON, model="", version="", check="jobs"),
    )

    assert message is not None
    assert [line.subject for line in message.lines] == [
        "b 3: schema",
        "b 3: data_drift",
        "Watchkeeper: jobs",
        "a 3: data_drift",
    ]


def test_nothing_is_said_only_to_who_asked_for_it() -> None:
    assert told() is None
    message = told(plan=Schedule(time(8), always=True))

    assert message is not None
    assert (message.title, message.lines[0].reason) == ("Daily digest: nothing happened", NOTHING)


def test_a_long_one_is_cut_and_says_so() -> None:
    message = told(*(one(check=f"check_{n}") for n in range(MOST_LINES + 5)))

    assert message is not None
    assert (len(message.lines), message.more) == (MOST_LINES, 5)
