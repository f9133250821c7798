"""What every check of the registry must hold, whatever it is given. Numpy's warnings are errors here."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import timedelta
from functools import cache

import numpy as np
import pandas as pd
import pytest

from app.core.case import Case, Check
from app.core.derived import DerivedKind
from app.core.model import Measurement, Model, Outcome, Task
from app.services.checks import advice_for, all_checks
from tests.core.checks.cases import DAY, LIVE, START, Given, days, features_of, usual, with_every_kind

CHECKS = list(all_checks().values())
DECLARED = {"staleness", "feature_parity", "rollback_ready"}  # their limits are declared and not learnt
COUNTS_ROWS = {"volume"}


def no_rows(given: Given) -> Given:
    return given.but(served=given.served[:0])


def no_reference(given: Given) -> Given:
    return given.but(reference=None)


def no_labels(given: Given) -> Given:
    assert given.reference is not None
    return given.but(served=given.served.drop(columns="label"), reference=given.reference.drop(columns="label"))


def one_class(given: Given) -> Given:
    if given.task is Task.REGRESSION:
        return _both(given, label=0.0, predicted=0.0)
    name = "ant" if given.task is Task.MULTICLASS else "1"
    return _both(given, label=name, predicted=name, score=1.0)


def one_window(given: Given) -> Given:
    return given.but(served=given.served[given.served["time"] < pd.Timestamp(LIVE + DAY)], count=1)


def one_row(given: Given) -> Given:
    assert given.reference is not None
    return given.but(served=given.served[:1], reference=given.reference[:1])


def features_missing(given: Given) -> Given:
    served = given.served.astype(dict.fromkeys(features_of(given.served), object)).copy()
    served[features_of(served)] = None
    return given.but(served=served)


def features_missing_everywhere(given: Given) -> Given:
    assert given.reference is not None
    kept = [name for name in given.served.columns if name not in features_of(given.served)]
    return given.but(served=given.served[kept], reference=given.reference[kept])


def not_a_number(given: Given) -> Given:
    return given.but(served=_filled(given, float("nan")))


def infinite(given: Given) -> Given:
    return given.but(served=_filled(given, float("inf")))


def huge(given: Given) -> Given:
    return given.but(served=_filled(given, 1.7e308))


def reference_without_times(given: Given) -> Given:
    return given.but(timed=False)


def short_reference(given: Given) -> Given:
    assert given.reference is not None
    return given.but(reference=given.reference[given.reference["time"] < pd.Timestamp(START + 12 * DAY)])


def nothing_decided(given: Given) -> Given:
    empty = float("nan") if given.task is Task.REGRESSION else None
    return given.but(served=given.served.assign(predicted=pd.Series([empty] * len(given.served), dtype=object)))


def _both(given: Given, **columns: str | float) -> Given:
    assert given.reference is not None
    return given.but(served=given.served.assign(**columns), reference=given.reference.assign(**columns))


def _filled(given: Given, value: float) -> pd.DataFrame:
    numeric = ["x", "predicted" if given.task is Task.REGRESSION else "score"]
    return given.served.assign(**dict.fromkeys(numeric, value))


SITUATIONS: list[Callable[[Given], Given]] = [
    no_rows,
    no_reference,
    no_labels,
    one_class,
    one_window,
    one_row,
    features_missing,
    features_missing_everywhere,
    not_a_number,
    infinite,
    huge,
    reference_without_times,
    short_reference,
    nothing_decided,
]
PAIRS = [
    pytest.param(check, task, id=f"{check.name}-{task}") for check in CHECKS for task in Task if task in check.tasks
]
LEARNT = [pair for pair in PAIRS if not str(pair.id).startswith(tuple(DECLARED))]


@cache
def healthy(task: Task) -> Given:
    """A model without any fault and with features of every kind, to which the situations happen."""
    given = every_kind(usual(task, seed=7, count=6, rows=80))
    return given.but(model=Model("m", task, max_staleness=timedelta(days=400)))


def every_kind(given: Given) -> Given:
    rng = np.random.default_rng(11)
    assert given.reference is not None
    return given.but(reference=with_every_kind(given.reference, rng), served=with_every_kind(given.served, rng))


@cache
def shuffled(task: Task) -> Case:
    """The healthy model's case from the same rows in another order."""
    given, rng = healthy(task), np.random.default_rng(9)
    assert given.reference is not None
    return given.but(
        served=given.served.iloc[rng.permutation(len(given.served))],
        reference=given.reference.iloc[rng.permutation(len(given.reference))],
    ).case()


@cache
def healthy_case(task: Task, copy: str = "") -> Case:
    """The healthy model's case, folded from its rows anew for each name of a copy."""
    return healthy(task).case()


@cache
def moved_in_a_run_and_alone(task: Task) -> tuple[Case, list[Case]]:
    """Six healthy days and the same with a feature that has moved: all twelve at once, and each of the last five."""
    given = healthy(task)
    moved = given.served.assign(x=given.served["x"] + 3.0, time=given.served["time"] + 6 * DAY)
    given = given.but(served=pd.concat([given.served, moved], ignore_index=True), count=12)
    alone = [given.but(first=day, count=day + 1, now=LIVE + 12 * DAY).case() for day in range(7, 12)]
    return given.case(), alone


@cache
def still_learning(task: Task) -> Case:
    """Four windows more than normal is learnt from, and a reference that cannot say what is normal."""
    return every_kind(usual(task, seed=8, count=34, rows=60)).but(timed=False).case()


@cache
def in_situation(situation: Callable[[Given], Given], task: Task) -> Case:
    return situation(healthy(task)).case()


def evaluated(check: Check, case: Case) -> list[Measurement]:
    with np.errstate(divide="raise", invalid="raise", over="raise"):
        return list(check.evaluate(case))


def assert_well_formed(check: Check, case: Case, found: list[Measurement]) -> None:
    """The contract of a measurement."""
    assert len({(one.window, one.subject, one.segment) for one in found}) == len(found)
    assert {one.window for one in found} == {case.windows[i] for i in case.judged}
    for one in found:
        assert one.check == check.name
        assert one.statistic
        numbers = (one.value, one.limit, one.lower, one.upper, one.normal, one.expected_rate)
        assert all(number is None or math.isfinite(number) for number in numbers), one
        if one.outcome is Outcome.NOT_EVALUATED:
            assert len(one.reason) > 10, one
        else:
            assert one.value is not None, one
            assert one.limit is not None, one
        if one.value is None:
            assert one.outcome is Outcome.NOT_EVALUATED, one
        if one.outcome is Outcome.BREACH:
            assert one.reason, one


@pytest.mark.parametrize("check", CHECKS, ids=[check.name for check in CHECKS])
def test_every_check_says_what_it_asks_and_what_to_do(check: Check) -> None:
    assert re.fullmatch("[a-z_]+", check.name)
    assert check.question.endswith("?")
    assert check.advice[-1] in ".?"
    assert advice_for(check.name) == check.advice
    assert check.tasks <= set(Task)
    assert check.tasks


@pytest.mark.parametrize(("check", "task"), PAIRS)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_whatever_happens_the_answer_is_well_formed(
    check: Check, task: Task, situation: Callable[[Given], Given]
) -> None:
    case = in_situation(situation, task)
    found = evaluated(check, case)
    assert_well_formed(check, case, found)


@pytest.mark.parametrize(("check", "task"), PAIRS)
def test_a_healthy_model_is_never_in_breach(check: Check, task: Task) -> None:
    found = evaluated(check, healthy_case(task))
    assert Outcome.BREACH not in {one.outcome for one in found}


@pytest.mark.parametrize(("check", "task"), LEARNT)
def test_without_any_row_nothing_is_ok(check: Check, task: Task) -> None:
    found = evaluated(check, in_situation(no_rows, task))
    assert Outcome.OK not in {one.outcome for one in found}


@pytest.mark.parametrize(("check", "task"), LEARNT)
@pytest.mark.parametrize("situation", [no_reference, short_reference, reference_without_times])
def test_while_normal_is_not_known_nothing_is_ok(check: Check, task: Task, situation: Callable[[Given], Given]) -> None:
    found = evaluated(check, in_situation(situation, task))
    assert {one.outcome for one in found} == {Outcome.NOT_EVALUATED}
    learning = [one.reason for one in found if one.reason.startswith("learning: ")]
    assert all(re.search(r"\d+ of 30 .* ready on \d{4}-\d\d-\d\d", reason) for reason in learning)


@pytest.mark.parametrize(("check", "task"), LEARNT)
def test_the_windows_that_normal_is_learnt_from_are_not_judged(check: Check, task: Task) -> None:
    found = evaluated(check, still_learning(task))
    early = [one for one in found if one.window.start < LIVE + 30 * DAY]
    assert {one.outcome for one in early} == {Outcome.NOT_EVALUATED}
    later = {one.outcome for one in found} - {Outcome.NOT_EVALUATED}
    assert later == ({Outcome.OK} if check.name != "correction_rate" else set())  # nobody reviewed anything


@pytest.mark.parametrize(("check", "task"), PAIRS)
def test_the_same_rows_in_another_order_give_the_same_answer(check: Check, task: Task) -> None:
    found = evaluated(check, healthy_case(task))
    for one, other in zip(found, evaluated(check, shuffled(task)), strict=True):
        assert (one.subject, one.window, one.outcome, one.reason) == (
            other.subject,
            other.window,
            other.outcome,
            other.reason,
        )
        assert (one.value or 0.0, one.limit or 0.0) == pytest.approx((other.value or 0.0, other.limit or 0.0))


@pytest.mark.parametrize(("check", "task"), PAIRS)
def test_asking_twice_gives_the_same_answer_and_touches_nothing(check: Check, task: Task) -> None:
    case, before = healthy_case(task), healthy_case(task, "that nobody asks about")
    assert evaluated(check, case) == evaluated(check, case) == evaluated(check, healthy_case(task, "the second"))
    for mine, theirs in (
        (case.outcomes, before.outcomes),
        (case.features, before.features),
        (case.early.features, before.early.features),
    ):
        for name, array in mine.arrays().items():
            np.testing.assert_array_equal(array, theirs.arrays()[name], err_msg=name)


@pytest.mark.parametrize(("check", "task"), PAIRS)
def test_a_window_judged_alone_is_judged_as_in_the_run(check: Check, task: Task) -> None:
    run, single = moved_in_a_run_and_alone(task)
    in_run = [one for one in evaluated(check, run) if one.window.start >= LIVE + 7 * DAY]
    alone = [one for case in single for one in evaluated(check, case)]
    key = lambda one: (one.window, one.subject)  # noqa: E731  two sorts, one order
    assert sorted(alone, key=key) == sorted(in_run, key=key)


@pytest.mark.parametrize("task", list(Task))
def test_an_empty_window_between_full_ones_is_told_by_volume_alone(task: Task) -> None:
    given = usual(task, seed=10, count=34, rows=60)
    gap = (given.served["time"] >= pd.Timestamp(LIVE + 32 * DAY)) & (
        given.served["time"] < pd.Timestamp(LIVE + 33 * DAY)
    )
    case = given.but(served=given.served[~gap]).case()
    for check in CHECKS:
        if task in check.tasks and check.name not in DECLARED:
            outcomes = {one.outcome for one in evaluated(check, case) if one.window.start == LIVE + 32 * DAY}
            expected = Outcome.BREACH if check.name in COUNTS_ROWS else Outcome.NOT_EVALUATED
            # Nothing is missing, and nobody reviewed anything, in a window that holds nothing.
            assert outcomes == {expected}, check.name
            after = {one.outcome for one in evaluated(check, case) if one.window.start == LIVE + 33 * DAY}
            assert Outcome.BREACH not in after, check.name


@pytest.mark.parametrize("task", list(Task))
def test_the_healthy_model_has_features_of_every_kind(task: Task) -> None:
    """The other tests stand on it."""
    layout = healthy(task).case().layout
    assert {feature.kind for feature in layout.derived} == set(DerivedKind)
    assert [feature.name for feature in layout.embeddings] == ["vector"]
    assert [feature.name for feature in layout.categorical if feature.tail] == ["shop"]
    assert layout.multivariate is not None


def test_days_builds_what_it_says() -> None:
    """The other tests stand on it."""
    frame = days(2, [3, 0], START)
    assert frame["time"].dt.floor("D").tolist() == [pd.Timestamp(START)] * 3
