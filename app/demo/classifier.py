"""A classifier of late arrivals, trained on January and February with what is known before departure."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import GroupKFold
from threadpoolctl import threadpool_limits

from app.demo.flights import CATEGORIES, FEATURES, is_training

FloatArray: TypeAlias = NDArray[np.float64]

THRESHOLD = 0.5
"""Accuracy is what is compared over the months, and one half is where calibrated scores give the most of it."""

FOLDS = 5
SEED = 2013


def classified(flights: pd.DataFrame) -> pd.DataFrame:
    """The flights with `score`, the probability of being late, and `prediction`, 0 or 1.

    Rows of January and February get the scores of models that had not seen their day: flights of one day share their
    weather and their delays, so folds that split a day would leak, and the reference would look better than it is.
    """
    training = is_training(flights).to_numpy()
    inputs = _inputs(flights)
    score = np.empty(len(flights))
    # One thread: threads that wait for a busy core make this ten times slower than it is without them.
    with threadpool_limits(limits=1):
        score[training] = _out_of_fold(inputs[training], flights[training])
        final = _fitted(inputs[training], flights.loc[training, "late"])
        score[~training] = final.predict_proba(inputs[~training])[:, 1]
    return flights.assign(score=score, prediction=(score >= THRESHOLD).astype(int))


def _out_of_fold(inputs: pd.DataFrame, rows: pd.DataFrame) -> FloatArray:
    score = np.empty(len(rows))
    folds = GroupKFold(FOLDS, shuffle=True, random_state=SEED)
    for seen, unseen in folds.split(inputs, groups=rows["departure"].dt.floor("D")):
        model = _fitted(inputs.iloc[seen], rows["late"].iloc[seen])
        score[unseen] = model.predict_proba(inputs.iloc[unseen])[:, 1]
    return score


def _fitted(inputs: pd.DataFrame, late: pd.Series[float]) -> HistGradientBoostingClassifier:
    """Fitted to the flights whose outcome is known."""
    known = late.notna()
    model = HistGradientBoostingClassifier(
        learning_rate=0.08,
        max_iter=100,
        max_leaf_nodes=15,
        min_samples_leaf=100,
        l2_regularization=10.0,
        categorical_features="from_dtype",
        random_state=SEED,
    )
    return model.fit(inputs[known], late[known].astype(int))


def _inputs(flights: pd.DataFrame) -> pd.DataFrame:
    """The features, categories as such; destinations that appear only after February are unknown to the model."""
    return flights[FEATURES].astype({name: pd.CategoricalDtype(sorted(flights[name].unique())) for name in CATEGORIES})
