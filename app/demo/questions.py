"""What a demo's model is asked about a flight: one question for each task, on the same flights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from app.core.model import Task
from app.demo.flights import CATEGORIES

THRESHOLD = 0.5
"""Accuracy is what is compared over the months, and one half is where calibrated scores give the most of it."""

ON_TIME_MINUTES, VERY_LATE_MINUTES = 15, 60
CLASSES = ("early", "on time", "late", "very late")
SEED = 2013


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its model, and what follows from it for everything around the model.

    `model`: the name under which it is watched. `measure`: the figure of quality that the report follows, with so many
    `digits`. `confident`: which probability counts as sure. `truth` gives the answers that came true, missing where
    unknown; `answers` what a fitted model says of inputs: `prediction` and, where it has one, `score`. `is_wrong` tells
    from predictions and truths which answers a user would correct. `policy_checks` may ask for retraining.
    """

    task: Task
    model: str
    measure: str
    digits: int
    confident: float
    policy_checks: Sequence[str]
    estimator: Callable[[], Any]
    truth: Callable[[pd.DataFrame], pd.Series[Any]]
    answers: Callable[[Any, pd.DataFrame], pd.DataFrame]
    is_wrong: Callable[[pd.Series[Any], pd.Series[Any]], pd.Series[bool]]
    value: Callable[[Any], int | float | str]
    """A truth as it is sent."""

    def quality(self, prediction: pd.Series[Any], truth: pd.Series[Any]) -> float:
        """The `measure` of predictions, over those whose truth is known."""
        known = truth.notna()
        if self.task is Task.REGRESSION:
            return float((prediction - truth)[known].abs().mean())
        return float((prediction == truth)[known].mean())

    def squared_error(self, answers: pd.DataFrame, truth: pd.Series[Any]) -> float:
        """How far `answers` (`prediction`, and `score` where there is one) are from the truth where it is known:
        squared minutes, or the Brier score, of four classes that of the one which was said.

        It sees that scores are wrong, which is what concept drift is about; accuracy at one threshold hardly does.
        """
        known, said = truth.notna(), answers["prediction"]
        match self.task:
            case Task.REGRESSION:
                off = said - truth
            case Task.BINARY:
                off = answers["score"] - truth
            case Task.MULTICLASS:
                off = answers["score"] - (said == truth)
        return float((off[known].astype(float) ** 2).mean())


def _parameters() -> dict[str, Any]:
    return {
        "learning_rate": 0.08,
        "max_iter": 100,
        "max_leaf_nodes": 15,
        "min_samples_leaf": 100,
        "l2_regularization": 10.0,
        "categorical_features": range(len(CATEGORIES)),
        "random_state": SEED,
    }


def _classifier() -> Any:
    return HistGradientBoostingClassifier(**_parameters())


def _regressor() -> Any:
    return HistGradientBoostingRegressor(**_parameters())


def _late(flights: pd.DataFrame) -> pd.Series[Any]:
    return flights["late"]


def _minutes(flights: pd.DataFrame) -> pd.Series[Any]:
    return flights["minutes"]


def _class(flights: pd.DataFrame) -> pd.Series[Any]:
    minutes = flights["minutes"]
    passed = [minutes >= -ON_TIME_MINUTES, minutes > ON_TIME_MINUTES, minutes > VERY_LATE_MINUTES]
    names = np.array(CLASSES, dtype=object)[np.sum(passed, axis=0)]
    return pd.Series(names, index=flights.index).where(minutes.notna(), None)


def _is_late(model: Any, inputs: pd.DataFrame) -> pd.DataFrame:
    score = model.predict_proba(inputs)[:, 1]
    return pd.DataFrame({"prediction": (score >= THRESHOLD).astype(int), "score": score}, index=inputs.index)


def _most_probable(model: Any, inputs: pd.DataFrame) -> pd.DataFrame:
    chances = model.predict_proba(inputs)
    said = np.asarray(model.classes_, dtype=object)[chances.argmax(axis=1)]
    return pd.DataFrame({"prediction": said, "score": chances.max(axis=1)}, index=inputs.index)


def _expected_minutes(model: Any, inputs: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"prediction": model.predict(inputs)}, index=inputs.index)


def _differ(prediction: pd.Series[Any], truth: pd.Series[Any]) -> pd.Series[bool]:
    return prediction != truth


def _far_off(prediction: pd.Series[Any], truth: pd.Series[Any]) -> pd.Series[bool]:
    return (prediction - truth).abs() > ON_TIME_MINUTES


QUESTIONS: Mapping[Task, Question] = {
    Task.BINARY: Question(
        task=Task.BINARY,
        model="flight-delays",
        measure="accuracy",
        digits=3,
        confident=0.8,  # about half of the predictions of January and February are at least this sure
        policy_checks=("performance", "concept_drift"),
        estimator=_classifier,
        truth=_late,
        answers=_is_late,
        is_wrong=_differ,
        value=int,
    ),
    Task.MULTICLASS: Question(
        task=Task.MULTICLASS,
        model="flight-punctuality",
        measure="accuracy",
        digits=3,
        confident=0.6,
        policy_checks=("performance", "concept_drift"),
        estimator=_classifier,
        truth=_class,
        answers=_most_probable,
        is_wrong=_differ,
        value=str,
    ),
    Task.REGRESSION: Question(
        task=Task.REGRESSION,
        model="flight-delay-minutes",
        measure="mae",
        digits=1,
        confident=0.8,  # a number has no probability, and nothing reads this
        policy_checks=("performance",),
        estimator=_regressor,
        truth=_minutes,
        answers=_expected_minutes,
        is_wrong=_far_off,
        value=float,
    ),
}
