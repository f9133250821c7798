"""Limits that people set, in place of the learnt ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

from app.core.case import Case
from app.core.judgement import Harm, NormalWindows, Readings, Rule, judge, learn
from app.core.model import Measurement, Outcome, Window
from app.core.overrides import Override, override_for
from tests.core.checks.cases import DAY, LIVE, Given, days

OK, BREACH, UNKNOWN = Outcome.OK, Outcome.BREACH, Outcome.NOT_EVALUATED


def override(
    limit: float = 1.0,
    *,
    subject: str | None = None,
    segment: str = "",
    since: datetime = LIVE - 9 * DAY,
    until: datetime | None = None,
) -> Override:
    return Override("check", subject, segment, limit, "ann", "it is the season", since, until)


def a_case(*overrides: Override) -> Case:
    given = Given(None, days(4, 1, LIVE).assign(predicted="1"), count=4)
    return replace(given.case(), overrides=overrides)


def judged(
    values: list[float], rule: Rule, *overrides: Override, usual: Sequence[float] = (0.4, 0.6) * 15
) -> list[Measurement]:
    """Against a normal of 0.5 +- 0.1, whose learnt tolerance is a little above 0.125."""
    case = a_case(*overrides)
    readings = Readings("check", "statistic", ["x"], np.array(values)[:, None], why_not=lambda _row, _subject: "")
    normal = learn(NormalWindows(case.early), np.array(usual)[:, None])
    return list(judge(case, readings, normal, rule))


@pytest.mark.parametrize(
    ("harm", "limit", "values", "expected", "sentence"),
    [
        (Harm.HIGHER, 0.9, [0.8, 0.8, 0.8, 0.8], [OK] * 4, "a value below the limit is ok, though far from normal"),
        (Harm.HIGHER, 0.55, [0.6, 0.6, 0.5, 0.5], [OK, BREACH, BREACH, OK], "a value above it exceeds, though normal"),
        (Harm.LOWER, 0.3, [0.2, 0.2, 0.4, 0.4], [OK, BREACH, BREACH, OK], "where falls are bad, a value below it does"),
        (
            Harm.EITHER,
            0.3,
            [0.9, 0.1, 0.7, 0.7],
            [OK, BREACH, BREACH, OK],
            "where both are, it is a distance from normal",
        ),
    ],
)
def test_the_number_means_what_the_rule_can_mind(
    harm: Harm, limit: float, values: list[float], expected: list[Outcome], sentence: str
) -> None:
    assert [one.outcome for one in judged(values, Rule(0.01, harm), override(limit))] == expected, sentence


def test_the_limit_is_shown_with_who_set_it_and_why() -> None:
    found = judged([0.5] * 4, Rule(0.01, Harm.HIGHER), override(0.9))[0]
    assert found.limit == pytest.approx(0.9)
    assert found.reason == "limit set by ann: it is the season"
    beyond = judged([0.95] * 4, Rule(0.01, Harm.HIGHER), override(0.9))[1]
    assert beyond.reason == "beyond the limit in 2 of the last 3 windows; limit set by ann: it is the season"


def test_the_expected_rate_follows_the_limit_that_was_set() -> None:
    varied = np.random.default_rng(1).normal(0.5, 0.1, 60).tolist()
    learnt, wide, narrow = (
        judged([0.5] * 4, Rule(0.01, Harm.HIGHER), *overrides, usual=varied)[0].expected_rate
        for overrides in ((), (override(0.9),), (override(0.65),))
    )
    assert learnt is not None
    assert wide is not None
    assert narrow is not None
    assert wide < learnt < narrow


def test_a_limit_beyond_every_possible_value_is_said_to_be_one() -> None:
    found = judged([0.5] * 4, Rule(0.01, Harm.HIGHER, span=(0.0, 1.0)), override(1.5))[0]
    assert (found.outcome, found.reason.split(";")[0]) == (
        UNKNOWN,
        "cannot tell: no possible value is beyond the limit",
    )


@pytest.mark.parametrize(
    ("overrides", "expected", "sentence"),
    [
        ([override(1), override(2, subject="x")], 2, "one for the subject itself comes first"),
        ([override(1), override(2, since=LIVE - DAY)], 2, "then the newest"),
        ([override(1, subject="y")], None, "another subject's is not its own"),
        ([override(1, segment="country=FI")], None, "nor is a segment's the whole's"),
        ([override(1, since=LIVE + DAY)], None, "windows that had ended before keep the limit they had"),
        ([override(1, since=LIVE)], 1, "a window that ends after it was set has it"),
        ([override(1, until=LIVE)], None, "once removed, later windows have it no more"),
        ([override(1, until=LIVE + DAY)], 1, "but those that had ended keep it"),
    ],
)
def test_which_limit_holds(overrides: list[Override], expected: float | None, sentence: str) -> None:
    found = override_for(overrides, "check", "x", "", Window(LIVE, LIVE + DAY))
    assert (found.limit if found else None) == expected, sentence
