"""The ranking of causes, case by case."""

from __future__ import annotations

from itertools import permutations

import pytest

from app.core.causes import (
    EXPLAINED,
    MOST_EXCESS,
    CauseKind,
    Reading,
    cause_text,
    excess_of,
    likely,
    part_of_misfit,
    rank,
)
from app.core.checks.multivariate_drift import TOGETHER
from app.core.importance import Importance
from app.core.model import Outcome
from app.services.checks import all_checks

SKEW = "training_serving_skew"


def reading(
    check: str, subject: str = "", value: float | None = 0.3, limit: float | None = 0.1, **more: object
) -> Reading:
    outcome = more.pop("outcome", Outcome.BREACH)
    assert isinstance(outcome, Outcome)
    normal = more.pop("normal", None)
    assert normal is None or isinstance(normal, float)
    return Reading(check, subject, outcome, value, limit, normal)


IMPORTANCE = {"age": Importance(0.8, 0.1), "wind": Importance(0.2, None), "noise": Importance(0.0, 0.0)}


def test_a_feature_that_matters_goes_before_one_that_moved_further() -> None:
    readings = [reading(SKEW, "wind", 1.0), reading(SKEW, "age", 0.4), reading(SKEW, "noise", 5.0)]

    found = rank("performance", readings, IMPORTANCE)

    assert [cause.subject for cause in found] == ["age", "wind", "noise"]
    # By hand: 0.4/0.1 x 0.8/0.8, 1.0/0.1 x 0.2/0.8, 50 x 0.
    assert [cause.strength for cause in found] == pytest.approx([4.0, 2.5, 0.0])
    assert [cause.subject for cause in likely(found, 3)] == ["age", "wind"]


def test_without_importance_the_ratio_to_the_limit_decides() -> None:
    readings = [reading(SKEW, "wind", 1.0), reading(SKEW, "age", 0.4)]

    found = rank("estimated_performance", readings, {})

    assert [(cause.subject, cause.strength) for cause in found] == [("wind", 5.0), ("age", 2.0)]
    assert "importance unknown" in cause_text(found[0])


def test_segments_are_ranked_by_how_far_they_fell_times_their_share_of_the_rows() -> None:
    """By hand: |0.7 - 0.8| / 0.05 is 2, times 0.5; 0.4 / 0.05 is 8, times 0.1."""

    def of(segment: str, value: float, share: float, outcome: Outcome = Outcome.BREACH) -> Reading:
        return Reading("performance", "accuracy", outcome, value, 0.75, 0.8, segment, share)

    readings = [of("a=2", 0.4, 0.1), of("a=1", 0.7, 0.5), of("a=3", 0.76, 0.4, Outcome.OK)]
    found = rank("performance", readings, {})
    assert [(one.kind, one.subject) for one in found] == [(CauseKind.SEGMENT, "a=1"), (CauseKind.SEGMENT, "a=2")]
    assert [one.strength for one in found] == pytest.approx([1.0, 0.8])
    assert cause_text(found[0]) == "a=1: 2.0 times its own limit (50.0 % of the rows)"
    assert rank("concept_drift", readings, {}) == found
    assert rank("training_serving_skew", readings, {}) == []


def test_features_that_no_longer_go_together_are_evidence_and_their_own_breach_is_explained_by_those_that_moved() -> (
    None
):
    """By hand: 0.4 / 0.1 times the weight of several features, 0.5; shares of 0.6 and 0.3, by the least that counts."""
    together = reading("multivariate_drift", TOGETHER, 0.4)
    for breached in ("performance", "estimated_performance", "concept_drift", "training_serving_skew"):
        [cause] = rank(breached, [together], IMPORTANCE)
        assert (cause.kind, cause.importance) == (CauseKind.TOGETHER, None)
        assert cause.strength == pytest.approx(2.0)
        assert cause_text(cause) == "features no longer go together as they did: 4.0 times the limit"

    parts = [part_of_misfit(name, share, 0.1) for name, share in (("wind", 0.6), ("age", 0.3), ("noise", 0.05))]
    found = rank("multivariate_drift", [together, *parts], IMPORTANCE)
    assert [(one.kind, one.subject) for one in found] == [(CauseKind.FEATURE, "age"), (CauseKind.FEATURE, "wind")]
    assert [one.strength for one in found] == pytest.approx([3.0, 1.5])
    assert cause_text(found[0]) == "age: 30.0 % of what no longer fits the other features (importance 0.80)"


def test_what_is_within_its_limit_or_was_not_judged_is_no_cause() -> None:
    readings = [
        reading(SKEW, "age", 0.1, outcome=Outcome.OK),
        reading(SKEW, "wind", outcome=Outcome.NOT_EVALUATED),
        reading(SKEW, "noise", None),
        reading("missing_values", "age", 0.0, 0.2, normal=0.1, outcome=Outcome.OK),
        reading("staleness", "training_data", 90.0, 30.0),
    ]
    assert rank("performance", readings, IMPORTANCE) == []


def test_the_first_window_beyond_a_limit_counts_and_so_does_the_last_of_a_breach() -> None:
    """Two windows in three make a breach: in the first there is none yet, the third may be within the limit."""
    readings = [reading(SKEW, "age", 0.2, outcome=Outcome.OK), reading(SKEW, "wind", 0.09)]
    found = rank("performance", readings, IMPORTANCE)
    assert [one.subject for one in found] == ["age", "wind"]
    assert [one.excess for one in found] == pytest.approx([2.0, 0.9])
    assert cause_text(found[1]).startswith("wind: beyond its limit in the windows before")


@pytest.mark.parametrize(
    ("value", "limit", "normal", "excess"),
    [
        (0.3, 0.1, None, 3.0),
        (0.5, 0.2, 0.1, 4.0),
        (100.0, 800.0, 1000.0, 4.5),
        (1200.0, 800.0, 1000.0, 0.0),
        (0.1, 0.0, 0.0, MOST_EXCESS),
        (1e9, 0.1, None, MOST_EXCESS),
    ],
)
def test_the_excess_is_the_deviation_in_limits(value: float, limit: float, normal: float | None, excess: float) -> None:
    assert excess_of(reading(SKEW, "x", value, limit, normal=normal)) == pytest.approx(excess)


def test_evidence_for_concept_drift_counts_by_its_logarithm() -> None:
    assert excess_of(reading("concept_drift", value=1e6, limit=1000.0)) == pytest.approx(2.0)
    assert excess_of(reading("concept_drift", value=0.0, limit=1000.0)) == 0.0


def test_the_truth_is_a_cause_of_realised_quality_alone() -> None:
    readings = [
        reading("concept_drift", value=1e6, limit=1000.0),
        reading("label_coverage", "", 0.3, 0.76, normal=0.95),
    ]

    assert [cause.kind for cause in rank("performance", readings, {})] == ["concept_drift", "label_coverage"]
    assert rank("estimated_performance", readings, {}) == []
    assert [cause.kind for cause in rank("concept_drift", readings, {})] == ["label_coverage"]


def test_two_checks_about_the_same_feature_name_it_once() -> None:
    found = rank("performance", [reading(SKEW, "age", 0.2), reading("data_drift", "age", 0.5)], IMPORTANCE)
    assert [(cause.subject, cause.check, cause.excess) for cause in found] == [("age", "data_drift", 5.0)]


def test_the_order_of_the_readings_does_not_matter() -> None:
    readings = [
        reading(SKEW, "age"),
        reading(SKEW, "wind", 0.9),
        reading("volume", "", 100.0, 800.0, normal=1000.0),
        reading("missing_values", "age", 0.4, 0.1, normal=0.05),
    ]
    orders = {tuple(rank("performance", order, IMPORTANCE)) for order in permutations(readings)}
    assert len(orders) == 1


def test_a_check_without_causes_has_none() -> None:
    assert rank("staleness", [reading(SKEW, "age")], IMPORTANCE) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (reading(SKEW, "age", 0.31), "age: 3.1 times its limit (importance 0.80)"),
        (
            reading("missing_values", "wind", 0.23, 0.05, normal=0.021),
            "wind: 23.0 % missing, usually 2.1 % (importance",
        ),
        (
            reading("feature_parity", "age", 0.04, 0.01),
            "age: 4.0 % of the values differ from the offline pipeline's (importance 0.80)",
        ),
        (reading("volume", "", 120.0, 800.0, normal=1000.0), "the traffic changed: 120 predictions, usually 1000"),
        (reading("label_coverage", "", 0.4, 0.76, normal=0.95), "labels are few: 40.0 % of the rows, usually 95.0 %"),
        (reading("concept_drift", value=1e6, limit=1000.0), "the truth no longer follows the score"),
    ],
)
def test_causes_are_said_in_words(given: Reading, said: str) -> None:
    [cause] = rank("performance", [given], IMPORTANCE)
    assert cause_text(cause).startswith(said)


def test_what_is_explained_are_checks_of_the_design() -> None:
    planned = {"calibration", "prediction_drift", "data_drift"}
    assert set(EXPLAINED) <= set(all_checks()) | planned
