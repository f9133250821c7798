"""Shares of differing values, from counts, against the tolerated share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from app.core.case import Case
from app.core.checks.feature_parity import NOTHING_SENT, PLUGIN
from app.core.judgement import NO_REFERENCE
from app.core.model import Outcome
from tests.core.checks.cases import by_day, measured, usual


def compared(*days: tuple[int, int], gap: float = 0.0) -> Case:
    """So many values of `x` compared on each day, and so many of them different."""
    case = usual(count=len(days)).case()
    parity, gaps = case.outcomes.parity.copy(), case.outcomes.parity_gaps.copy()
    parity[:, 0], gaps[:, 0] = days, gap
    return replace(case, outcomes=replace(case.outcomes, parity=parity, parity_gaps=gaps))


def test_a_hundredth_may_differ_and_more_in_two_of_three_windows_is_a_breach() -> None:
    found = by_day(PLUGIN, compared((1000, 10), (1000, 11), (1000, 0), (1000, 11), (1000, 500), gap=2.5), "x")
    assert found.value.tolist() == [0.01, 0.011, 0.0, 0.011, 0.5]
    assert set(found.limit) == {0.01}
    assert found.outcome.tolist() == [Outcome.OK, Outcome.OK, Outcome.OK, Outcome.BREACH, Outcome.BREACH]
    assert found.reason[1] == "beyond the limit, for the first time in 3 windows"
    assert found.reason[4] == "beyond the limit in 2 of the last 3 windows; the largest difference is 2.5"


def test_few_values_say_nothing_and_do_not_count_against_later_windows() -> None:
    found = by_day(PLUGIN, compared((29, 29), (1000, 500), (30, 0)), "x")
    assert found.outcome.tolist() == [Outcome.NOT_EVALUATED, Outcome.OK, Outcome.OK]
    assert found.reason[0] == "too few compared values: 29, at least 30 are needed"


def test_where_nothing_was_sent_it_says_what_to_send() -> None:
    found = measured(PLUGIN, compared((0, 0), (1000, 0)))
    assert found[["subject", "outcome", "day"]].to_numpy().tolist() == [
        ["", Outcome.NOT_EVALUATED, 0],
        ["x", Outcome.OK, 1],
    ]
    assert found.reason[0] == NOTHING_SENT
    assert set(measured(PLUGIN, usual(count=2).but(reference=None).case()).reason) == {NO_REFERENCE}
    assert np.isnan(found.value[0])
