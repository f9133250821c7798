"""What the page says where no likely cause is known."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.core.causes import Cause, CauseKind
from app.services.causes import Explanation
from app.services.read_models.model_view import Judged
from app.ui.components.model.causes import section, to_explain

UNIMPORTANT = Cause(CauseKind.FEATURE, "noise", "training_serving_skew", 0.9, 0.1, None, 9.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("check", "causes", "said"),
    [
        ("performance", (), "everything else was in its normal range"),
        ("concept_drift", (), "how the truth follows from the inputs has changed"),
        ("concept_drift", (UNIMPORTANT,), "what left its normal range (noise) does not matter to the model"),
    ],
)
def test_no_cause_is_said_to_be_none(check: str, causes: tuple[Cause, ...], said: str) -> None:
    found = Explanation("delay", "1", check, datetime(2026, 3, 1, tzinfo=UTC), causes)
    assert said in str(section(found))
    assert "<ol>" not in str(section(found))


def _breach(check: str) -> Judged:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    return Judged(check, "", 1.0, 0.5, 0.0, "", "", start, start)


@pytest.mark.parametrize(
    ("in_breach", "explained"),
    [
        (["data_drift", "performance"], "performance"),
        (["latency", "confident_share"], "confident_share"),
        (["latency"], None),  # it is itself where to look
        ([], None),
    ],
)
def test_the_causes_are_of_what_matters_most_among_the_breaches_of_the_headline(
    in_breach: list[str], explained: str | None
) -> None:
    found = to_explain([_breach(check) for check in in_breach])
    assert (found and found.check) == explained
