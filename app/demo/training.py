"""A model trained on January and February with what is known before departure, and its answers for the whole year."""

from __future__ import annotations

from typing import Any

import pandas as pd
from sklearn.model_selection import GroupKFold
from threadpoolctl import threadpool_limits

from app.demo.flights import CATEGORIES, FEATURES, is_training
from app.demo.questions import SEED, Question
from app.demo.serving import served

FOLDS = 5


def answered(flights: pd.DataFrame, question: Question) -> pd.DataFrame:
    """The flights with the model's `prediction`, its `score` where it has one, and the `truth`, missing where unknown.

    Later flights are answered as a service would, and have the `latency_ms` of their answer.

    Rows of January and February get the answers of models that had not seen their day: flights of one day share their
    weather and their delays, so folds that split a day would leak, and the reference would look better than it is.
    """
    flights = flights.assign(truth=question.truth(flights))
    training = is_training(flights)
    inputs = _inputs(flights)
    # One thread: threads that wait for a busy core make this ten times slower than it is without them.
    with threadpool_limits(limits=1):
        parts = _out_of_fold(inputs[training], flights[training], question)
        final = _fitted(inputs[training], flights.loc[training, "truth"], question)
        parts.extend(served(final, inputs[~training], flights.loc[~training, "departure"], question))
    answers = pd.concat(parts).loc[flights.index]
    return flights.assign(**{str(name): answers[name] for name in answers})


def _out_of_fold(inputs: pd.DataFrame, rows: pd.DataFrame, question: Question) -> list[pd.DataFrame]:
    folds = GroupKFold(FOLDS, shuffle=True, random_state=SEED)
    parts = []
    for seen, unseen in folds.split(inputs, groups=rows["departure"].dt.floor("D")):
        model = _fitted(inputs.iloc[seen], rows["truth"].iloc[seen], question)
        parts.append(question.answers(model, inputs.iloc[unseen]))
    return parts


def _fitted(inputs: pd.DataFrame, truth: pd.Series[Any], question: Question) -> Any:
    """Fitted to the flights whose outcome is known."""
    known = truth.notna()
    target = truth[known].map(question.value)
    return question.estimator().fit(inputs[known], target)


def _inputs(flights: pd.DataFrame) -> pd.DataFrame:
    """The features, categories as such; destinations that appear only after February are unknown to the model."""
    return flights[FEATURES].astype({name: pd.CategoricalDtype(sorted(flights[name].unique())) for name in CATEGORIES})
