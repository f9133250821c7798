"""The scorecard on constructed cases: what earns a point, half a point, none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.core.model import Outcome
from app.core.scorecard import RECENT_WINDOWS, CheckRecord, Credit, Facts, Item, Section, scorecard

NOW = datetime(2026, 11, 22, tzinfo=UTC)
DAY = timedelta(days=1)
RUNS = CheckRecord("staleness", windows=60, first=NOW - 60 * DAY, last=NOW - DAY, judged=1)
FACTS = Facts(NOW, DAY, {"staleness": RUNS}, frozenset({"staleness"}), ["ops"])


def item(facts: Facts, number: int, section: Section = Section.MONITORING) -> Item:
    [found] = [one for one in scorecard(facts).items if (one.section, one.number) == (section, number)]
    return found


@pytest.mark.parametrize(
    ("case", "facts", "credit"),
    [
        ("evaluated up to now, and a channel is there", FACTS, Credit.AUTOMATED),
        ("evaluated, and nobody is told", replace(FACTS, channels=[]), Credit.MANUAL),
        (
            "evaluated once, and no more",
            replace(FACTS, checks={"staleness": replace(RUNS, last=NOW - (RECENT_WINDOWS + 2) * DAY)}),
            Credit.MANUAL,
        ),
        (
            "installed, and it never could tell",
            replace(FACTS, checks={"staleness": CheckRecord("staleness", reason="no limit")}),
            Credit.NOT_YET,
        ),
        ("installed, and no window was measured", replace(FACTS, checks={}), Credit.NOT_YET),
        ("not installed", replace(FACTS, checks={}, installed=frozenset()), Credit.NOT_YET),
    ],
)
def test_the_rule(case: str, facts: Facts, credit: Credit) -> None:
    assert item(facts, 4).credit is credit, case


def test_the_evidence_names_the_measurement_and_since_when() -> None:
    assert item(FACTS, 4).evidence == (
        "staleness: 60 windows judged since 2026-09-23; in the newest, of 2026-11-21, within limits",
    )


def test_what_is_missing_is_said() -> None:
    untold = replace(FACTS, checks={"staleness": CheckRecord("staleness", reason="no limit")})
    assert item(untold, 4).evidence == ("staleness: cannot tell: no limit",)
    assert item(FACTS, 1).evidence == ("no check for it is there yet (dependency_change)",)
    assert "nobody is told: add an alert channel, or switch one on" in item(replace(FACTS, channels=[]), 4).evidence


def test_a_test_that_runs_and_fails_keeps_its_point() -> None:
    """The paper scores whether a test is carried out; how it ends is shown beside it."""
    failing = item(replace(FACTS, checks={"staleness": replace(RUNS, breaches=1)}), 4)
    assert (failing.credit, failing.outcome) == (Credit.AUTOMATED, Outcome.BREACH)
    assert "1 of 1 in breach" in failing.evidence[0]


def test_a_test_without_evaluation_is_not_called_passed() -> None:
    assert item(FACTS, 1).outcome is Outcome.NOT_EVALUATED


def test_any_check_of_a_test_carries_it_out() -> None:
    performance = replace(RUNS, check="performance")
    facts = replace(FACTS, checks={"performance": performance}, installed=frozenset({"performance", "concept_drift"}))
    assert item(facts, 7).credit is Credit.AUTOMATED
    assert [said.partition(":")[0] for said in item(facts, 7).evidence] == ["performance"]


def test_the_score_is_the_sum_of_the_seven_monitoring_tests() -> None:
    checks = (
        "dependency_change",
        "schema",
        "feature_parity",
        "staleness",
        "numerical_stability",
        "latency",
        "performance",
    )
    full = replace(FACTS, checks={check: replace(RUNS, check=check) for check in checks}, validated=True, trials=["2"])
    card = scorecard(full)
    assert card.score == 7
    assert card.infrastructure == 1.0
    assert scorecard(replace(full, channels=[])).score == 3.5
    assert scorecard(replace(FACTS, checks={})).score == 0
    assert [one.number for one in card.items if one.section is Section.MONITORING] == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    ("validated", "credit"), [(True, Credit.MANUAL), (False, Credit.NOT_YET), (None, Credit.NOT_YET)]
)
def test_validation_rests_on_labelled_rows_out_of_sample(validated: bool | None, credit: Credit) -> None:
    assert item(replace(FACTS, validated=validated), 4, Section.INFRASTRUCTURE).credit is credit
