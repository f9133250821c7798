"""Realised quality against scikit-learn on the labelled rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from app.core.checks.performance import PLUGIN
from app.core.model import Model, Outcome, Task
from tests.core.checks.cases import (
    CLASSES,
    DAY,
    LIVE,
    START,
    Given,
    by_day,
    days,
    learnt,
    measured,
    per_day,
    regression,
    two_of_three,
    usual,
)

Oracle = Callable[[pd.DataFrame], float]

BINARY: dict[str, Oracle] = {
    "accuracy": lambda rows: metrics.accuracy_score(rows["label"], rows["predicted"]),
    "precision": lambda rows: metrics.precision_score(rows["label"], rows["predicted"], pos_label="1"),
    "recall": lambda rows: metrics.recall_score(rows["label"], rows["predicted"], pos_label="1"),
    "f1": lambda rows: metrics.f1_score(rows["label"], rows["predicted"], pos_label="1"),
    "auc": lambda rows: metrics.roc_auc_score(rows["label"] == "1", rows["score"]),
}
MULTICLASS: dict[str, Oracle] = {
    "accuracy": BINARY["accuracy"],
    "precision": lambda rows: metrics.precision_score(rows["label"], rows["predicted"], average="macro"),
    "recall": lambda rows: metrics.recall_score(rows["label"], rows["predicted"], average="macro"),
    "f1": lambda rows: metrics.f1_score(rows["label"], rows["predicted"], average="macro"),
}
REGRESSION: dict[str, Oracle] = {
    "mae": lambda rows: metrics.mean_absolute_error(rows["label"], rows["predicted"]),
    "rmse": lambda rows: metrics.root_mean_squared_error(rows["label"], rows["predicted"]),
    "bias": lambda rows: float((rows["predicted"] - rows["label"]).mean()),
}
CASES = [
    *((Task.BINARY, measure, oracle) for measure, oracle in BINARY.items()),
    *((Task.MULTICLASS, measure, oracle) for measure, oracle in MULTICLASS.items()),
    *((Task.REGRESSION, measure, oracle) for measure, oracle in REGRESSION.items()),
]


def worse(given: Given) -> Given:
    """From the fifth of six days on, some truths are not what they were."""
    served, rng = given.served.copy(), np.random.default_rng(60)
    late = (served["time"] >= pd.Timestamp(LIVE + 4 * DAY)) & (rng.uniform(size=len(served)) < 0.6)
    if given.task is Task.REGRESSION:
        served["label"] = served["label"] - 3 * late
    else:
        flipped = served["predicted"].map({"0": "1", "1": "0", "ant": "bee", "bee": "cow", "cow": "ant"})
        served["label"] = served["label"].where(~late, flipped)
    return given.but(served=served)


@pytest.mark.parametrize(("task", "measure", "oracle"), CASES, ids=[f"{task}-{name}" for task, name, _ in CASES])
def test_values_limits_and_outcomes_are_those_of_scikit_learn(task: Task, measure: str, oracle: Oracle) -> None:
    given = worse(usual(task, seed=61, count=6, rows=400))
    assert given.reference is not None
    usually = [oracle(part) for part in per_day(given.reference, START)]
    values = [oracle(part) for part in per_day(given.served, LIVE)]
    floor = 0.01 if task is not Task.REGRESSION else 0.01 * float(np.abs(usually).mean())
    mean, tolerance = learnt(usually, floor)
    found = by_day(PLUGIN, given.case(), measure)
    tight = 0.002 if measure == "auc" else 1e-9  # scores of one bin count as ties
    side = np.sign(np.array(values) - mean) if measure == "bias" else 1 if task is Task.REGRESSION else -1
    assert found.value.tolist() == pytest.approx(values, abs=tight)
    assert found.normal.tolist() == pytest.approx([mean] * 6, abs=tight)
    assert found.limit.tolist() == pytest.approx((mean + side * tolerance * np.ones(6)).tolist(), abs=3 * tight)
    assert found.outcome.tolist() == two_of_three(((np.array(values) - mean) * side > tolerance).tolist())
    assert found.outcome.tolist()[-1] == Outcome.BREACH


def test_figures_of_a_class_are_those_of_scikit_learns_classification_report() -> None:
    given = worse(usual(Task.MULTICLASS, seed=70, count=6, rows=400))
    case = given.case()
    reports = [
        metrics.classification_report(part["label"], part["predicted"], output_dict=True)
        for part in per_day(given.served, LIVE)
    ]
    for name in ("ant", "bee", "cow"):
        for measure in ("precision", "recall"):
            found = by_day(PLUGIN, case, f"{measure}[{name}]")
            assert found.value.tolist() == pytest.approx([report[name][measure] for report in reports])
            assert found.outcome.tolist()[-1] == Outcome.BREACH
            assert set(found.statistic) == {measure}


def test_only_frequent_classes_have_figures_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"c{i:02}" for i in range(20)]
    monkeypatch.setitem(CLASSES, Task.MULTICLASS, names)
    frame = days(40, 300).assign(score=0.5, predicted=np.random.default_rng(71).choice(names, 12_000))
    frame = frame.assign(label=frame["predicted"])
    served = frame[:900].assign(time=days(3, 300, LIVE)["time"])
    found = measured(PLUGIN, Given(frame, served, count=3, task=Task.MULTICLASS).case())
    assert {s for s in found.subject if "[" in s} == {f"{m}[{n}]" for m in ("precision", "recall") for n in names[:10]}


def test_a_rare_class_is_not_judged_and_says_why() -> None:
    given = usual(Task.MULTICLASS, seed=72)
    served = given.served[(given.served["label"] != "cow") | (given.served.index % 30 == 0)]
    found = by_day(PLUGIN, given.but(served=served).case(), "recall[cow]")
    assert set(found.outcome) == {Outcome.NOT_EVALUATED}
    assert found.reason.str.match(r"(too few|no) labels of 'cow'").all()


def test_the_interval_of_accuracy_is_the_binomial_one() -> None:
    given = usual(seed=62)
    found = by_day(PLUGIN, given.case(), "accuracy")
    half = 1.96 * np.sqrt(found.value * (1 - found.value) / 200)
    assert found.lower.tolist() == pytest.approx((found.value - half).tolist(), abs=1e-5)
    assert found.upper.tolist() == pytest.approx((found.value + half).tolist(), abs=1e-5)


@pytest.mark.parametrize("task", [Task.BINARY, Task.REGRESSION])
def test_improvements_are_no_alarm(task: Task) -> None:
    given = usual(task, seed=63)
    perfect = given.but(served=given.served.assign(label=given.served["predicted"]))
    found = measured(PLUGIN, perfect.case())
    assert set(found.outcome[found.subject != "bias"]) == {Outcome.OK}


def test_corrections_of_users_are_a_biased_choice_and_never_enter() -> None:
    given = usual(seed=64)
    by_users = given.but(served=given.served.assign(source="user"))
    found = measured(PLUGIN, by_users.case())
    assert set(found.outcome) == {Outcome.NOT_EVALUATED}
    assert set(found.reason) == {"no labels in this window"}


def test_a_window_is_provisional_until_the_label_delay_has_passed_and_final_from_then_on() -> None:
    model = Model("m", Task.BINARY, label_delay=timedelta(days=3))
    given = usual(seed=65, count=8).but(model=model)
    found = by_day(PLUGIN, given.case(), "accuracy")
    assert found.value.notna().all()
    assert found.outcome.tolist() == [Outcome.OK] * 5 + [Outcome.NOT_EVALUATED] * 3
    assert found.reason[5] == "provisional: labels are due until 2026-04-10 00:00 UTC"
    later = by_day(PLUGIN, given.but(now=LIVE + 11 * DAY).case(), "accuracy")
    assert set(later.outcome) == {Outcome.OK}


def test_the_limit_widens_by_the_labels_that_a_window_lacks() -> None:
    given = usual(seed=66, count=4, rows=400)
    half = given.served["label"].where(given.served.index % 4 == 0, None)
    found = by_day(PLUGIN, given.but(served=given.served.assign(label=half)).case(), "accuracy")
    plain = by_day(PLUGIN, given.case(), "accuracy")
    assert (found.normal - found.limit).tolist() == pytest.approx((2 * (plain.normal - plain.limit)).tolist())


def test_without_a_reference_normal_is_learnt_from_30_labelled_days_in_production() -> None:
    given = worse(usual(seed=67, count=6)).but(reference=None)
    first = usual(seed=68, count=31).served
    rest = given.served.assign(time=given.served["time"] + 31 * DAY)
    served = pd.concat([first, rest], ignore_index=True)
    found = by_day(PLUGIN, given.but(served=served, count=37).case(), "accuracy")
    mean, tolerance = learnt([BINARY["accuracy"](part) for part in per_day(first, LIVE)[:30]], floor=0.01)
    assert set(found.outcome[:30]) == {Outcome.NOT_EVALUATED}
    assert (found.normal[36], found.limit[36]) == pytest.approx((mean, mean - tolerance))
    assert found.outcome[30:].tolist() == [Outcome.OK] * 6 + [Outcome.BREACH]


def test_classes_that_the_reference_lacks_are_right_only_by_name() -> None:
    frame = days(1, 100, LIVE).assign(score=0.5, predicted="dog", label=["dog", "eel"] * 50)
    found = by_day(PLUGIN, Given(None, frame, count=1, task=Task.MULTICLASS).case(), "accuracy")
    assert found.value.tolist() == [0.5]


def test_a_bias_either_way_is_bad_news() -> None:
    rng = np.random.default_rng(69)
    reference = regression(days(40, 200), rng)
    for shift in (1.0, -1.0):
        served = regression(days(3, 200, LIVE), rng)
        served["predicted"] += shift
        found = by_day(PLUGIN, Given(reference, served, count=3, task=Task.REGRESSION).case(), "bias")
        assert found.outcome.tolist() == [Outcome.OK, Outcome.BREACH, Outcome.BREACH]
