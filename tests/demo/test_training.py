"""Scores of the reference are out of sample by whole days; weights and categories count as they should."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import brier_score_loss, roc_auc_score

from app.core.model import Task
from app.demo.flights import CATEGORIES, FEATURES
from app.demo.questions import CLASSES, QUESTIONS, THRESHOLD
from app.demo.training import fitted, one_thread, out_of_fold

LATE = QUESTIONS[Task.BINARY]


@pytest.fixture(scope="module")
def some_flights(year: pd.DataFrame) -> pd.DataFrame:
    """A tenth of January and February."""
    rows = year[year["departure"] < "2013-03-01"].iloc[::10].reset_index(drop=True)
    return rows.assign(truth=rows["late"])


@pytest.fixture(scope="module")
def scored(some_flights: pd.DataFrame) -> pd.DataFrame:
    return out_of_fold(some_flights, LATE)


def on_the_eighth(rows: pd.DataFrame) -> pd.Series[bool]:
    return pd.Series(rows["departure"].dt.strftime("%F") == "2013-02-08")


def test_a_days_own_outcomes_do_not_touch_its_scores(some_flights: pd.DataFrame, scored: pd.DataFrame) -> None:
    day = on_the_eighth(some_flights)
    turned = some_flights.assign(truth=some_flights["truth"].mask(day, 1 - some_flights["truth"]))
    again = out_of_fold(turned, LATE)
    pd.testing.assert_series_equal(again.loc[day, "score"], scored.loc[day, "score"])
    assert (again.loc[~day, "score"] != scored.loc[~day, "score"]).any()


def test_the_model_has_learnt_something(scored: pd.DataFrame) -> None:
    known = scored[scored["late"].notna()]
    assert roc_auc_score(known["late"], known["score"]) > 0.6


def test_the_threshold_decides(scored: pd.DataFrame) -> None:
    assert np.array_equal(scored["prediction"] == 1, scored["score"] >= THRESHOLD)
    assert scored["score"].between(0, 1).all()


def test_categories_are_encoded_as_scikit_learn_encodes_them(some_flights: pd.DataFrame) -> None:
    old, new = some_flights[some_flights["departure"] < "2013-02-01"], some_flights[FEATURES]
    ours = LATE.answers(fitted(old, LATE), new)["score"]
    typed = new.astype({name: pd.CategoricalDtype(sorted(new[name].unique())) for name in CATEGORIES})
    known = old["truth"].notna()
    settings = {**LATE.estimator().get_params(), "categorical_features": "from_dtype"}
    with one_thread():
        theirs = HistGradientBoostingClassifier(**settings).fit(
            typed[: len(old)][known], old["truth"][known].astype(int)
        )
        assert ours.to_numpy() == pytest.approx(theirs.predict_proba(typed)[:, 1])
    assert not set(new["dest"]) <= set(old["dest"])  # a destination that the model has not seen is among them


def test_weights_count(some_flights: pd.DataFrame) -> None:
    doubled = pd.concat([some_flights, some_flights[some_flights["late"] == 1]], ignore_index=True)
    weighted = some_flights.assign(weight=1.0 + (some_flights["late"] == 1))
    scores = [
        LATE.answers(fitted(rows, LATE), some_flights)["score"].mean() for rows in (doubled, weighted, some_flights)
    ]
    assert scores[1] == pytest.approx(scores[0], abs=0.02)
    assert scores[1] > scores[2] + 0.05


@pytest.mark.parametrize("task", [Task.MULTICLASS, Task.REGRESSION])
def test_every_task_answers_out_of_fold(task: Task, some_flights: pd.DataFrame) -> None:
    question, day = QUESTIONS[task], on_the_eighth(some_flights)
    turned = some_flights.assign(minutes=some_flights["minutes"].mask(day, 300 - some_flights["minutes"]))
    before, after = (out_of_fold(rows.assign(truth=question.truth(rows)), question) for rows in (some_flights, turned))
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
    question = QUESTIONS[Task.REGRESSION]
    answers = out_of_fold(some_flights.assign(truth=some_flights["minutes"]), question)
    assert "score" not in answers
    assert question.squared_error(answers, answers["truth"]) < 0.98 * answers["truth"].var()


def test_the_squared_error_of_scores_is_the_brier_score(scored: pd.DataFrame) -> None:
    known = scored[scored["truth"].notna()]
    score = brier_score_loss(known["truth"], known["score"])
    assert LATE.squared_error(scored, scored["truth"]) == pytest.approx(score)


@pytest.mark.parametrize(
    ("task", "said", "truth", "error"),
    [
        (Task.BINARY, {"prediction": [1, 0], "score": [0.8, 0.4]}, [1.0, 1.0], (0.2**2 + 0.6**2) / 2),
        (Task.REGRESSION, {"prediction": [10.0, -5.0]}, [13.0, -5.0], 9 / 2),
        (Task.MULTICLASS, {"prediction": ["late", "early"], "score": [0.7, 0.5]}, ["late", "late"], (0.09 + 0.25) / 2),
    ],
)
def test_the_squared_error_by_hand(task: Task, said: dict[str, list[float]], truth: list[object], error: float) -> None:
    answers = pd.DataFrame({name: [*values, values[0]] for name, values in said.items()})
    unknown = None if task is Task.MULTICLASS else float("nan")
    assert QUESTIONS[task].squared_error(answers, pd.Series([*truth, unknown])) == pytest.approx(error)
