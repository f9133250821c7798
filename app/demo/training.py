"""Training: a model from labelled flights, and what it would have said of them had it not seen them."""

from __future__ import annotations

import pandas as pd
from sklearn.model_selection import GroupKFold
from threadpoolctl import threadpool_limits

from app.demo.model import FlightModel
from app.demo.questions import SEED, Question

FOLDS = 5


def fitted(rows: pd.DataFrame, question: Question) -> FlightModel:
    """A model of the rows (FEATURES, `truth`, and `weight` where they do not count alike) whose outcome is known."""
    known = rows[rows["truth"].notna()]
    weight = known["weight"] if "weight" in known else pd.Series(1.0, known.index)
    with one_thread():
        return FlightModel.fitted(question.estimator(), known, known["truth"].map(question.value), weight)


def out_of_fold(rows: pd.DataFrame, question: Question) -> pd.DataFrame:
    """The rows with the answers of models that had not seen their day, by `departure`.

    Flights of one day share their weather and their delays: folds that split a day would leak, and the reference would
    look better than it is.
    """
    folds = GroupKFold(FOLDS, shuffle=True, random_state=SEED)
    parts = []
    for seen, unseen in folds.split(rows, groups=rows["departure"].dt.floor("D")):
        model = fitted(rows.iloc[seen], question)
        with one_thread():
            parts.append(question.answers(model, rows.iloc[unseen]))
    return rows.join(pd.concat(parts))


def one_thread() -> threadpool_limits:
    """Threads that wait for a busy core make small calls ten times slower than they are without them."""
    return threadpool_limits(limits=1)
