"""Whether an alert asks for a retrained model."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.core.calendars import parse_calendar
from app.core.retraining import Alarm, Facts, Policy, should_request
from app.core.severity import Severity

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)  # a Tuesday
DAY = timedelta(days=1)
POLICY = Policy(("performance", "concept_drift"), cooldown=7 * DAY, minimum_new_labels=500)
BOUNDED = replace(POLICY, budget=2)
OFFICE = replace(POLICY, calendar=parse_calendar("mon-fri 08:00-12:00 Europe/Berlin"))

PERFORMANCE = Alarm("performance")
SLICE = Alarm("performance", segment="country=FI")
TWO = (NOW - 29 * DAY, NOW - 8 * DAY)

CASES = [
    (
        "a first alert with labels enough asks",
        POLICY,
        Facts(PERFORMANCE, None, 500),
        True,
        "performance is firing, with 500 new labels so far",
    ),
    (
        "a check that the policy does not name does not ask",
        POLICY,
        Facts(Alarm("volume"), None, 9000),
        False,
        "volume is not among the policy's checks (performance, concept_drift)",
    ),
    (
        "an alert that is too mild does not ask",
        POLICY,
        Facts(Alarm("performance", Severity.INFO), None, 9000),
        False,
        "performance is firing as info, must be at least warning",
    ),
    (
        "an alert that is worse than it has to be asks",
        POLICY,
        Facts(Alarm("performance", Severity.CRITICAL), None, 500),
        True,
        "performance is firing, with 500 new labels so far",
    ),
    (
        "a breach in a segment alone does not ask by itself",
        POLICY,
        Facts(SLICE, None, 9000),
        False,
        "performance is firing in the segment country=FI alone, and the policy looks at the whole",
    ),
    (
        "a breach in a segment asks where the policy lets it",
        replace(POLICY, segments=True),
        Facts(SLICE, None, 500),
        True,
        "performance is firing in country=FI, with 500 new labels so far",
    ),
    (
        "nothing is asked for while a run is under way",
        POLICY,
        Facts(PERFORMANCE, NOW - 30 * DAY, 9000, under_way="running"),
        False,
        "a run is running already",
    ),
    (
        "nothing is asked for while the last request cools down",
        POLICY,
        Facts(PERFORMANCE, NOW - timedelta(days=6, hours=23), 9000),
        False,
        "cooling down until 2026-03-10 13:00 UTC",
    ),
    (
        "it asks again from the very end of the cool-down on",
        POLICY,
        Facts(Alarm("concept_drift"), NOW - 7 * DAY, 9000),
        True,
        "concept_drift is firing, with 9,000 new labels since the last request",
    ),
    (
        "a spent budget is waited out",
        BOUNDED,
        Facts(PERFORMANCE, NOW - 8 * DAY, 9000, TWO),
        False,
        "the budget of 2 requests in 30 days is spent; the next is free at 2026-03-11 12:00 UTC",
    ),
    (
        "a request of 30 days ago is forgotten",
        BOUNDED,
        Facts(PERFORMANCE, NOW - 8 * DAY, 9000, (NOW - 30 * DAY, NOW - 8 * DAY)),
        True,
        "performance is firing, with 9,000 new labels since the last request",
    ),
    (
        "a budget of none is none",
        replace(POLICY, budget=0),
        Facts(PERFORMANCE, None, 9000),
        False,
        "the budget of 0 requests in 30 days is spent",
    ),
    (
        "outside its hours the policy waits",
        OFFICE,
        Facts(PERFORMANCE, None, 9000),
        False,
        "outside the calendar (mon-fri 08:00-12:00 Europe/Berlin)",
    ),
    (
        "there is no point in training on what was there before",
        POLICY,
        Facts(PERFORMANCE, NOW - 30 * DAY, 499),
        False,
        "499 new labels since the last request, must be at least 500",
    ),
    (
        "without a minimum no label is needed",
        replace(POLICY, minimum_new_labels=0, cooldown=timedelta(0)),
        Facts(PERFORMANCE, NOW, 0),
        True,
        "performance is firing, with 0 new labels since the last request",
    ),
]


@pytest.mark.parametrize(("policy", "facts", "request_", "reason"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_should_request(policy: Policy, facts: Facts, request_: bool, reason: str) -> None:
    decision = should_request(policy, facts, NOW)

    assert (decision.request, decision.reason) == (request_, reason)


def test_the_calendar_is_that_of_its_zone() -> None:
    facts = Facts(PERFORMANCE, None, 500)

    assert should_request(OFFICE, facts, datetime(2026, 3, 10, 10, 59, tzinfo=UTC)).request
    assert not should_request(OFFICE, facts, datetime(2026, 3, 10, 11, tzinfo=UTC)).request
