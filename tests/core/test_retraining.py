"""Whether an alert asks for a retrained model."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.core.retraining import Facts, Policy, should_request

NOW = datetime(2026, 3, 10, tzinfo=UTC)
POLICY = Policy(("performance", "concept_drift"), cooldown=timedelta(days=7), minimum_new_labels=500)

CASES = [
    (
        "a first alert with labels enough asks",
        Facts("performance", None, 500),
        True,
        "performance is firing, with 500 new labels so far",
    ),
    (
        "a check that the policy does not name does not ask",
        Facts("volume", None, 9000),
        False,
        "volume is not among the policy's checks (performance, concept_drift)",
    ),
    (
        "nothing is asked for while the last request cools down",
        Facts("performance", NOW - timedelta(days=6, hours=23), 9000),
        False,
        "cooling down until 2026-03-10 01:00 UTC",
    ),
    (
        "it asks again from the very end of the cool-down on",
        Facts("concept_drift", NOW - timedelta(days=7), 9000),
        True,
        "concept_drift is firing, with 9000 new labels since the last request",
    ),
    (
        "there is no point in training on what was there before",
        Facts("performance", NOW - timedelta(days=30), 499),
        False,
        "499 new labels since the last request, must be at least 500",
    ),
]


@pytest.mark.parametrize(("facts", "request_", "reason"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_should_request(facts: Facts, request_: bool, reason: str) -> None:
    decision = should_request(POLICY, facts, NOW)

    assert (decision.request, decision.reason) == (request_, reason)


def test_without_a_minimum_no_label_is_needed() -> None:
    policy = Policy(("performance",), timedelta(0), 0)

    assert should_request(policy, Facts("performance", NOW, 0), NOW).request
