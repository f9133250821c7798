"""Scores of the reference are out of sample by whole days, and nothing of production leaks into the model."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from app.core.model import Task
from app.demo.flights import is_training, load_flights
from app.demo.questions import CLASSES, QUESTIONS, THRESHOLD
from app.demo.training import answered

LATE = QUESTIONS[Task.BINARY]


@pytest.fixture(scope="module")
def some_flights() -> pd.DataFrame:
    """A tenth of January, February and the first week of March."""
    flights = load_flights()
    return flights[flights["departure"] < "2013-03-08"].iloc[::10].reset_index(drop=True)


@pytest.fixture(scope="module")
def scored(some_flights: pd.DataFrame) -> pd.DataFrame:
    return answered(some_flights, LATE)


def test_a_days_own_outcomes_do_not_touch_its_scores(some_flights: pd.DataFrame, scored: pd.DataFrame) -> None:
    day = some_flights["departure"].dt.floor("D") == pd.Timestamp("2013-02-08", tz="UTC")
    turned = some_flights.assign(late=some_flights["late"].mask(day, 1 - some_flights["late"]))
    again = answered(turned, LATE)
    pd.testing.assert_series_equal(again.loc[day, "score"], scored.loc[day, "score"])
    others = is_training(some_flights) & ~day
    assert (again.loc[others, "score"] != scored.loc[others, "score"]).any()


def test_outcomes_of_production_touch_nothing(some_flights: pd.DataFrame, scored: pd.DataFrame) -> None:
    served = ~is_training(some_flights)
    turned = some_flights.assign(late=some_flights["late"].mask(served, 1 - some_flights["late"]))
    pd.testing.assert_series_equal(answered(turned, LATE)["score"], scored["score"])


def test_the_model_has_learnt_something(scored: pd.DataFrame) -> None:
    known = scored[scored["late"].notna()]
    assert roc_auc_score(known["late"], known["score"]) > 0.6


def test_the_threshold_decides(scored: pd.DataFrame) -> None:
    assert np.array_equal(scored["prediction"] == 1, scored["score"] >= THRESHOLD)
    assert scored["score"].between(0, 1).all()


@pytest.mark.parametrize("task", [Task.MULTICLASS, Task.REGRESSION])
def test_every_task_answers_out_of_fold_and_knows_nothing_of_production(task: Task, some_flights: pd.DataFrame) -> None:
    question = QUESTIONS[task]
    before = answered(some_flights, question)
    day = some_flights["departure"].dt.floor("D") == pd.Timestamp("2013-02-08", tz="UTC")
    hidden = day | ~is_training(some_flights)
    turned = some_flights.assign(minutes=some_flights["minutes"].mask(hidden, 300 - some_flights["minutes"]))
    after = answered(turned, question)
    pd.testing.assert_series_equal(after.loc[day, "prediction"], before.loc[day, "prediction"])
    assert (after["prediction"] != before["prediction"]).any()
    assert before["prediction"].notna().all()


def test_the_classes_are_those_of_the_delay(some_flights: pd.DataFrame) -> None:
    truth = QUESTIONS[Task.MULTICLASS].truth(some_flights)
    assert (truth.isna() == some_flights["minutes"].isna()).all()
    edges = some_flights.groupby(truth)["minutes"].agg(["min", "max"]).loc[list(CLASSES)]
    assert edges["max"].tolist()[:3] == [-16, 15, 60]
    assert edges["min"].tolist()[1:] == [-15, 16, 61]


def test_minutes_are_better_told_than_by_their_mean(some_flights: pd.DataFrame) -> None:
    answers = answered(some_flights, QUESTIONS[Task.REGRESSION])
    known = answers[answers["truth"].notna() & is_training(answers)]
    assert "score" not in answers
    off = ((known["prediction"] - known["truth"]) ** 2).mean()
    assert off < 0.98 * known["truth"].var()
