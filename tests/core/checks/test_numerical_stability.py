"""Faults among scores and inputs, counted by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from app.core.checks.numerical_stability import PLUGIN
from app.core.model import Outcome, Task
from tests.core.checks.cases import (
    LIVE,
    START,
    Given,
    by_day,
    day_of,
    days,
    learnt,
    measured,
    per_day,
    two_of_three,
    usual,
)

ROWS = 200


def on_day(given: Given, day: int, column: str, value: float, rows: int | None = None) -> Given:
    """The first `rows` rows of a day (all without a number) get another value."""
    served = given.served.copy()
    chosen = np.flatnonzero(day_of(served, LIVE) == day)[:rows]
    served.loc[served.index[chosen], column] = value
    return given.but(served=served)


@pytest.mark.parametrize("task", list(Task))
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_the_first_score_that_is_not_finite_is_a_breach_at_once(task: Task, value: float) -> None:
    column = "predicted" if task is Task.REGRESSION else "score"
    found = by_day(PLUGIN, on_day(usual(task), 2, column, value, rows=1).case(), "score_non_finite")
    assert found.outcome.tolist() == [Outcome.OK] * 2 + [Outcome.BREACH] + [Outcome.OK] * 2
    assert found.value.tolist() == [0, 0, 1 / ROWS, 0, 0]
    assert found.reason[2] == "1 of 200 scores are NaN or infinite"


def test_a_fault_needs_neither_a_reference_nor_many_rows_but_without_them_its_absence_is_no_verdict() -> None:
    given = on_day(usual(rows=3).but(reference=None), 1, "score", float("nan"), rows=1)
    found = by_day(PLUGIN, given.case(), "score_non_finite")
    assert found.outcome.tolist() == [Outcome.NOT_EVALUATED, Outcome.BREACH, *[Outcome.NOT_EVALUATED] * 3]
    assert found.value.tolist() == [0, 1 / 3, 0, 0, 0]
    assert found.reason[0].startswith("learning: 0 of 30 windows")


def test_a_model_whose_reference_had_such_scores_is_judged_by_their_share() -> None:
    given = usual()
    assert given.reference is not None
    rng = np.random.default_rng(60)

    def spoilt(frame: pd.DataFrame, share: float | list[float]) -> pd.DataFrame:
        return frame.assign(score=frame["score"].where(rng.uniform(size=len(frame)) >= np.array(share)))

    reference = spoilt(given.reference, 0.05)
    served = spoilt(given.served, np.repeat([0.05, 0.05, 0.3, 0.3, 0.05], ROWS).tolist())
    usually = [day["score"].isna().mean() for day in per_day(reference, START)]
    shares = [day["score"].isna().mean() for day in per_day(served, LIVE)]
    mean, tolerance = learnt(usually, floor=0.01)
    found = by_day(PLUGIN, given.but(reference=reference, served=served).case(), "score_non_finite")
    assert found.value.tolist() == pytest.approx(shares)
    assert found.outcome.tolist() == two_of_three([share > mean + tolerance for share in shares])
    assert found.outcome[3] == Outcome.BREACH


def test_a_missing_score_is_no_fault_of_the_arithmetic() -> None:
    given = usual()
    missing = given.but(served=given.served.assign(score=pd.Series([None] * len(given.served), dtype=object)))
    found = by_day(PLUGIN, missing.case(), "score_non_finite")
    assert set(found.reason) == {"no prediction with a score in this window"}


@pytest.mark.parametrize(
    ("subject", "value"),
    [("score_outside", 1.5), ("score_outside", -0.1), ("score_saturated", 0.0), ("score_saturated", 1.0)],
)
def test_shares_beyond_and_at_the_bounds_are_learnt(subject: str, value: float) -> None:
    given = usual()
    for day, rows in ((1, 2), (2, 10), (3, 20)):
        given = on_day(given, day, "score", value, rows=rows)
    found = by_day(PLUGIN, given.case(), subject)
    assert found.value.tolist() == [0, 0.01, 0.05, 0.1, 0]
    assert found.limit.tolist() == pytest.approx([0.01] * 5)  # the floor: the reference had none
    assert found.outcome.tolist() == two_of_three([False, False, True, True, False])


def test_numbers_of_a_regression_have_no_bounds() -> None:
    subjects = set(measured(PLUGIN, usual(Task.REGRESSION).case()).subject)
    assert subjects == {"score_non_finite", "score_constant", "input_non_finite", "replay"}


@pytest.mark.parametrize("task", list(Task))
def test_a_window_of_equal_scores_is_a_breach_at_once(task: Task) -> None:
    column = "predicted" if task is Task.REGRESSION else "score"
    found = by_day(PLUGIN, on_day(usual(task), 3, column, 0.25).case(), "score_constant")
    assert found.outcome.tolist() == [Outcome.OK] * 3 + [Outcome.BREACH, Outcome.OK]
    assert found.reason[3] == "all 200 scores are equal"


def test_equal_scores_are_no_news_where_the_reference_has_no_others_or_rows_are_few() -> None:
    given = usual()
    assert given.reference is not None
    constant = on_day(given.but(reference=given.reference.assign(score=0.25)), 3, "score", 0.25)
    assert set(by_day(PLUGIN, constant.case(), "score_constant").reason) == {
        "the scores of the reference are all equal, too"
    }
    few = on_day(usual(rows=20), 3, "score", 0.25)
    assert set(by_day(PLUGIN, few.case(), "score_constant").reason) == {"too few scores: 20, at least 30 are needed"}


def test_of_the_inputs_the_worst_feature_counts() -> None:
    given = usual(Task.MULTICLASS)
    given = on_day(on_day(given, 1, "x", float("inf"), rows=20), 1, "y", float("nan"), rows=30)
    given = on_day(given, 2, "y", float("nan"), rows=10)
    found = by_day(PLUGIN, given.case(), "input_non_finite")
    assert found.value.tolist() == [0, 0.15, 0.05, 0, 0]
    assert found.outcome.tolist() == two_of_three([False, True, True, False, False])


def replayed(scores: list[list[float]]) -> Given:
    """Days on which one input came with these scores, among 50 others that came once."""
    frames = []
    for day, answers in enumerate(scores):
        times = days(day + 1, [0] * day + [50 + len(answers)], LIVE)
        others = [f'{{"x":{day}.{i}}}' for i in range(50)]
        frames.append(times.assign(score=[0.3] * 50 + answers, input=[*others, *['{"x":"same"}'] * len(answers)]))
    return Given(None, pd.concat(frames, ignore_index=True).assign(predicted="1"), count=len(scores))


def test_two_answers_to_one_input_are_a_breach_at_once() -> None:
    found = by_day(PLUGIN, replayed([[0.5], [0.5, 0.5], [0.5, 0.5000005], [0.5, 0.500002], [0.5] * 3]).case(), "replay")
    assert found.value.isna().tolist() == [True, False, False, False, False]
    assert found.value[1:].tolist() == [0, 0, 1, 0]  # half a millionth is within rounding
    assert [one == Outcome.BREACH for one in found.outcome] == [False, False, False, True, False]
    assert found.reason[0] == "no input was repeated, among those sampled in this window"
    assert found.reason[3] == "1 of 1 sampled inputs that came more than once got different scores"


def test_once_normal_is_known_the_same_answer_is_ok() -> None:
    given = usual()
    sent = given.served.assign(input="the same", score=0.5, predicted="1")
    assert set(by_day(PLUGIN, given.but(served=sent).case(), "replay").outcome) == {Outcome.OK}


def test_rounding_is_relative_for_large_numbers() -> None:
    values = [[1e9, 1e9 + 100], [1e9, 1e9 + 2000]]
    given = replayed(values)
    served = given.served.assign(predicted=given.served["score"])
    found = by_day(PLUGIN, given.but(served=served, task=Task.REGRESSION).case(), "replay")
    assert found.value.tolist() == [0, 1]


def test_predictions_without_features_have_no_input_to_compare() -> None:
    given = replayed([[0.5, 0.9]])
    blind = given.but(served=given.served.assign(input="{}"))
    assert set(by_day(PLUGIN, blind.case(), "replay").outcome) == {Outcome.NOT_EVALUATED}


def test_a_model_that_always_answered_so_has_inputs_that_are_not_logged() -> None:
    found = by_day(PLUGIN, replayed([[0.5, 0.9]] * 4).case(), "replay")
    assert set(found.outcome) == {Outcome.NOT_EVALUATED}
    assert set(found.reason) == {"too few sampled inputs that came more than once: 1, at least 30 are needed"}
