"""Worst segments first, by hand."""

from __future__ import annotations

import pytest

from app.core.causes import Reading
from app.core.model import Outcome
from app.core.segment_ranking import rank_segments


def skew(segment: str, value: float, outcome: Outcome = Outcome.BREACH, subject: str = "x") -> Reading:
    return Reading("training_serving_skew", subject, outcome, value, 0.1, None, segment)


def quality(segment: str, value: float, check: str = "performance", subject: str = "accuracy") -> Reading:
    return Reading(check, subject, Outcome.OK, value, 0.5, 0.8, segment)


def test_the_furthest_beyond_its_limit_then_the_worst_quality_then_the_largest_come_first() -> None:
    readings = [
        quality("", 0.8),
        skew("a=1", 0.3),
        skew("a=1", 0.5, subject="y"),
        skew("a=2", 0.4),
        quality("a=3", 0.6),
        quality("a=4", 0.7),
        skew("a=5", 0.05, Outcome.OK),
        skew("a=6", 0.05, Outcome.OK),
    ]
    rows = {"a=7": 900, "a=6": 10, "a=5": 20, "a=4": 30, "a=3": 40, "a=2": 0, "a=1": 0}
    found = rank_segments(readings, readings, rows, 1_000)
    assert [one.segment for one in found] == ["a=1", "a=2", "a=3", "a=4", "a=5", "a=6", "a=7"]
    assert [one.excess for one in found[:3]] == pytest.approx([5.0, 4.0, 0.0])
    assert [one.subject for one in found[0].breaches] == ["y", "x"]
    assert found[2].quality_gap == pytest.approx(0.2)
    assert (found[6].outcome, found[6].share) == (Outcome.NOT_EVALUATED, 0.9)


def test_of_an_error_more_is_worse_and_an_estimate_stands_in_for_labels() -> None:
    readings = [quality("", 2.0, "estimated_performance", "mae"), quality("a=1", 3.0, "estimated_performance", "mae")]
    [found] = rank_segments([], readings, {"a=1": 5}, 5)
    assert found.quality_gap == pytest.approx(1.0)
    assert found.quality is readings[1]
