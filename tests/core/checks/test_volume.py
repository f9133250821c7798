"""Counts of predictions per window."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.core.checks.volume import PLUGIN, STANDS_BY
from app.core.model import Outcome, Stage
from tests.core.checks.cases import LIVE, Given, by_day, days, learnt, two_of_three

SILENCE = "silence: no predictions, where every window had some before"


def traffic(*counts: int) -> Given:
    frame = days(len(counts), counts, LIVE).assign(score=0.5, predicted="1")
    return Given(None, frame, count=len(counts))


def normal_days(seed: int = 30, count: int = 30) -> list[int]:
    return [int(n) for n in np.random.default_rng(seed).normal(500, 20, count)]


def test_limits_are_learnt_from_30_days_after_the_first_which_is_hardly_ever_whole() -> None:
    usual, later = normal_days(), [500, 250, 510, 240, 500, 500, 900, 900]
    found = by_day(PLUGIN, traffic(17, *usual, *later).case())
    centre = float(np.mean(usual))
    stretched = [
        centre + 1.2 * (n - centre) for n in usual
    ]  # thirty days alone show too little of how far volume strays
    mean, tolerance = learnt(stretched, floor=0.1 * centre)
    judged = found[31:]
    assert set(found.outcome[:31]) == {Outcome.NOT_EVALUATED}
    assert judged.value.tolist() == later
    assert judged.normal.tolist() == pytest.approx([mean] * 8)
    assert judged.limit.tolist() == pytest.approx([mean + tolerance * (1 if n >= mean else -1) for n in later])
    assert judged.outcome.tolist() == two_of_three([abs(n - mean) > tolerance for n in later])
    assert judged.outcome.tolist()[3] == Outcome.BREACH


def test_the_first_window_after_the_learning_period_is_judged_and_learning_windows_do_not_count_against_it() -> None:
    usual = normal_days()
    found = by_day(PLUGIN, traffic(500, *usual, 100, 500).case())
    assert found.outcome[30] == Outcome.NOT_EVALUATED
    assert found.outcome[31] == Outcome.OK
    assert found.reason[31] == "beyond the limit, for the first time in 3 windows"
    assert found.outcome[32] == Outcome.OK


def test_silence_between_full_windows_is_a_breach_at_once() -> None:
    found = by_day(PLUGIN, traffic(500, *normal_days(), 500, 0, 500).case())
    assert found.outcome[31:].tolist() == [Outcome.OK, Outcome.BREACH, Outcome.OK]
    assert found.reason[32] == SILENCE


def test_of_a_version_that_stands_by_silence_is_expected() -> None:
    case = traffic(500, *normal_days(), 500, 0, 500).case()
    found = by_day(PLUGIN, replace(case, version=replace(case.version, stage=Stage.REGISTERED)))
    assert found.outcome[31:].tolist() == [Outcome.OK, Outcome.NOT_EVALUATED, Outcome.OK]
    assert (found.reason[32], found.value[32]) == (STANDS_BY, 0)


def test_where_empty_windows_are_usual_silence_is_no_news() -> None:
    week = [500, 510, 490, 505, 495, 0, 0]
    found = by_day(PLUGIN, traffic(*week * 6).case())
    assert set(found.outcome[31:]) == {Outcome.OK}


def test_with_too_few_windows_it_says_when_it_will_be_ready() -> None:
    found = by_day(PLUGIN, traffic(500, 500, 0).case())
    assert set(found.outcome) == {Outcome.NOT_EVALUATED}
    assert found.value.tolist() == [500, 500, 0]
    # Two of the three days count (the first does not), 28 more are needed: 1 April + 3 + 28 days.
    assert set(found.reason) == {
        "learning: 2 of 30 windows of normal variation are known; ready on 2026-05-02 00:00 UTC at the earliest"
    }
