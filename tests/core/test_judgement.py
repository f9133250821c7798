"""The rule: max(floor, 1.25 x the largest own deviation), exceeded in 2 of the last 3 windows."""

from __future__ import annotations

import numpy as np
import pytest

from app.core.case import EARLY_WINDOWS, Case
from app.core.judgement import Harm, Normal, NormalWindows, Readings, Rule, judge, learn, normal_windows
from app.core.model import Measurement, Outcome
from tests.core.checks.cases import DAY, LIVE, Given, days, usual

OK, BREACH, UNKNOWN = Outcome.OK, Outcome.BREACH, Outcome.NOT_EVALUATED
NAN = float("nan")
FIRST_TIME = "beyond the limit, for the first time in 3 windows"


def a_case(windows: int, first: int = 0) -> Case:
    """Any case of that many windows: the values to judge are given by hand."""
    return Given(None, days(windows, 1, LIVE).assign(predicted="1"), count=windows, first=first).case()


def normal(case: Case, values: list[float], rows: list[int] | None = None) -> Normal:
    columns = np.array(values)[:, None]
    return learn(NormalWindows(case.early), columns, None if rows is None else np.array(rows)[:, None])


def judged(
    values: list[float],
    usual_values: list[float],
    rule: Rule,
    *,
    first: int = 0,
    rows: list[int] | None = None,
    usual_rows: list[int] | None = None,
) -> list[Measurement]:
    case = a_case(len(values), first)
    readings = Readings(
        "check",
        "statistic",
        ["subject"],
        np.array(values)[:, None],
        why_not=lambda _row, _subject: "nothing to see",
        rows=None if rows is None else np.array(rows, np.float64)[:, None],
    )
    return list(judge(case, readings, normal(case, usual_values, usual_rows), rule))


def outcomes(values: list[float], rule: Rule) -> list[Outcome]:
    """Around a normal of 0 +- 1: the tolerance is 1.25 x (30 / 29) for the largest deviation from the others' mean."""
    return [one.outcome for one in judged(values, [1.0, -1.0] * 15, rule)]


@pytest.mark.parametrize(
    ("values", "expected", "sentence"),
    [
        ([0, 9, 0, 0], [OK, OK, OK, OK], "one window beyond the limit is no breach"),
        ([9, 9, 0, 0], [OK, BREACH, BREACH, OK], "two of three are, also in the window after them"),
        ([9, 0, 9, 0], [OK, OK, BREACH, OK], "with a normal one between"),
        ([9, 0, 0, 9], [OK, OK, OK, OK], "but not with two"),
        ([9, NAN, 9, 0], [OK, UNKNOWN, BREACH, OK], "nor does a window that cannot be told take its place"),
        ([9, NAN, NAN, 9], [OK, UNKNOWN, UNKNOWN, OK], "two of them part what was before from what comes"),
        ([9, 9, NAN, 9], [OK, BREACH, UNKNOWN, BREACH], "an unknown window has no verdict, whatever stands before it"),
        ([9, -9, 0, 0], [OK, BREACH, BREACH, OK], "on either side of normal"),
        ([1.2, 1.2, -1.2, 0], [OK, OK, OK, OK], "within 25 % of anything seen is normal"),
        ([1.3, 1.3, 0, 0], [OK, BREACH, BREACH, OK], "beyond that is not"),
    ],
)
def test_two_of_the_last_three(values: list[float], expected: list[Outcome], sentence: str) -> None:
    assert outcomes(values, Rule(floor=0.1)) == expected, sentence


def test_only_harmful_deviations_count() -> None:
    assert outcomes([9, 9, -9, -9], Rule(0.1, Harm.HIGHER)) == [OK, BREACH, BREACH, OK]
    assert outcomes([9, 9, -9, -9], Rule(0.1, Harm.LOWER)) == [OK, OK, OK, BREACH]


def test_the_windows_before_the_first_judged_one_count_too() -> None:
    found = judged([9, 9, 0], [1.0, -1.0] * 15, Rule(0.1), first=2)
    assert [(one.outcome, one.reason) for one in found] == [(BREACH, "beyond the limit in 2 of the last 3 windows")]


def test_limits_lie_on_the_side_of_the_value_and_normal_between_them() -> None:
    tolerance = 1.25 * 30 / 29
    found = judged([5, -5], [1.0, -1.0] * 15, Rule(0.1))
    assert [one.limit for one in found] == pytest.approx([tolerance, -tolerance])
    assert [one.normal for one in found] == pytest.approx([0, 0])
    assert [one.reason for one in found] == [FIRST_TIME, "beyond the limit in 2 of the last 3 windows"]


def test_a_distance_has_no_normal_and_its_band_starts_at_zero() -> None:
    (found,) = judged([0.3], [0.05] * 29 + [0.2], Rule(0.1, Harm.HIGHER, distance=True))
    assert found.limit == pytest.approx(0.25)
    assert found.normal is None


def test_the_floor_holds_where_normal_hardly_varies() -> None:
    (found,) = judged([0.3], [0.05] * 30, Rule(0.1, Harm.HIGHER, distance=True))
    assert found.limit == 0.1


def test_limits_are_the_formula_unless_a_window_is_smaller_than_any_normal_one() -> None:
    rows, usual_rows = [400, 100, 99, 25, 10_000, 0], [100] + [400] * 29
    found = judged([0.0] * 6, [1.0, -1.0] * 15, Rule(0.1), rows=rows, usual_rows=usual_rows)
    tolerance = 1.25 * 30 / 29
    assert [one.limit for one in found][:5] == pytest.approx(
        [tolerance, tolerance, tolerance * (100 / 99) ** 0.5, 2 * tolerance, tolerance]
    )
    assert found[5].limit is None  # without any rows no limit is wide enough


def test_without_any_rows_there_is_no_limit_for_a_share_either() -> None:
    rule = Rule(0.1, Harm.LOWER, span=(0.0, 1.0))
    (found,) = judged([NAN], [0.9, 0.8] * 15, rule, rows=[0], usual_rows=[100] * 30)
    assert (found.limit, found.reason) == (None, "nothing to see")


def test_normal_windows_that_could_not_tell_are_passed_over() -> None:
    values, rows = [NAN] * 5 + [1.0, -1.0] * 15, [1] * 5 + [100] * 30
    (found,) = judged([0.0], values, Rule(0.1), rows=[50], usual_rows=rows)
    assert found.limit == pytest.approx(1.25 * 30 / 29 * 2**0.5)  # the smallest window that could tell has 100 rows


def test_below_30_known_windows_there_is_no_verdict_and_no_limit_but_the_value() -> None:
    (found,) = judged([9.0], [1.0] * 29 + [NAN], Rule(0.1))
    assert (found.outcome, found.value, found.limit, found.normal, found.expected_rate) == (
        UNKNOWN,
        9.0,
        None,
        None,
        None,
    )
    assert found.reason.startswith("learning: 29 of 30 windows of normal variation are known")


def test_windows_that_normal_is_learnt_from_have_no_verdict_and_count_against_no_later_one() -> None:
    case = a_case(4)
    readings = Readings(
        "check", "statistic", [""], np.array([[9.0], [9.0], [0.0], [9.0]]), why_not=lambda _row, _subject: ""
    )
    usual_ones = NormalWindows(case.early, learnt_until=LIVE + 2 * DAY, lacking=2)
    found = list(judge(case, readings, learn(usual_ones, np.array([[1.0], [-1.0]] * 15)), Rule(0.1)))
    assert [one.outcome for one in found] == [UNKNOWN, UNKNOWN, OK, OK]
    assert [one.reason for one in found][2:] == ["", FIRST_TIME]


def test_a_value_that_is_withheld_is_shown_and_counts_for_nothing() -> None:
    case = a_case(3)
    readings = Readings(
        "check",
        "statistic",
        [""],
        np.array([[9.0], [9.0], [9.0]]),
        why_not=lambda row, _subject: f"not yet {row}",
        withheld=np.array([[True], [False], [True]]),
    )
    found = list(judge(case, readings, normal(case, [1.0, -1.0] * 15), Rule(0.1)))
    assert [(one.outcome, one.reason, one.value) for one in found] == [
        (UNKNOWN, "not yet 0", 9.0),
        (OK, FIRST_TIME, 9.0),
        (UNKNOWN, "not yet 2", 9.0),
    ]


def windows_of(given: Given, usable_from: int = 0) -> NormalWindows:
    return normal_windows(given.case(), lambda series: np.arange(len(series)) >= usable_from)


def test_normal_is_the_references_where_it_has_windows_enough() -> None:
    case = usual(reference_days=30).case()
    chosen = normal_windows(case, lambda series: np.ones(len(series), np.bool_))
    assert chosen.series is case.reference
    assert chosen.learnt_until is None


def test_production_fills_up_what_the_reference_lacks_and_no_more() -> None:
    chosen = windows_of(usual(reference_days=28, count=10), usable_from=1)  # 27 of the reference, days 1 .. 3
    assert len(chosen.series) == 30
    assert chosen.learnt_until == LIVE + 4 * DAY
    assert chosen.series.outcomes.rows.shape == (30,)
    assert [window.start for window in chosen.series.windows][27:] == [LIVE + day * DAY for day in (1, 2, 3)]


def test_without_a_reference_production_alone_shows_what_is_normal() -> None:
    chosen = windows_of(usual(count=40).but(reference=None))
    assert chosen.learnt_until == LIVE + 30 * DAY
    assert (len(chosen.series), chosen.lacking) == (30, 30)


def test_when_production_had_its_chance_the_reason_says_what_else_helps() -> None:
    case = a_case(EARLY_WINDOWS + 20, first=EARLY_WINDOWS + 19)
    lacking = normal_windows(case, lambda series: np.arange(len(series)) < 7)
    readings = Readings("check", "statistic", [""], np.zeros((len(case.windows), 1)), why_not=lambda _row, _subject: "")
    (found,) = judge(case, readings, learn(lacking, np.zeros((7, 1))), Rule(0.1))
    assert found.reason == (
        "learning: 7 of 30 windows of normal variation are known from the first 90 in production: "
        "late labels of theirs or a longer reference help"
    )


@pytest.mark.parametrize(
    ("harm", "value", "normal_value", "expected", "sentence"),
    [
        (Harm.LOWER, 0.0, 0.5, UNKNOWN, "no share is far enough below a normal that reaches over the whole span"),
        (Harm.HIGHER, 1.0, 0.5, UNKNOWN, "nor above it"),
        (Harm.EITHER, 1.0, 0.5, UNKNOWN, "nor on either side"),
        (Harm.EITHER, 0.0, 0.9, BREACH, "but one side that can be passed is enough for a rule of both"),
        (Harm.LOWER, 0.0, 0.9, BREACH, "and the harmful one for a rule of one"),
    ],
)
def test_a_limit_that_no_value_can_pass_is_said_and_never_called_healthy(
    harm: Harm, value: float, normal_value: float, expected: Outcome, sentence: str
) -> None:
    usual_values = [normal_value - 0.45, normal_value + 0.45] * 15  # a tolerance of .58
    found = judged([value] * 3, usual_values, Rule(0.01, harm, span=(0.0, 1.0)))[-1]
    assert found.outcome is expected, sentence
    assert found.limit is not None
    assert 0 <= found.limit <= 1
    assert expected is BREACH or "no possible value" in found.reason
