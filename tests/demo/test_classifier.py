"""Scores of the reference are out of sample by whole days, and nothing of production leaks into the model."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from app.demo.classifier import THRESHOLD, classified
from app.demo.flights import is_training, load_flights


@pytest.fixture(scope="module")
def some_flights() -> pd.DataFrame:
    """A tenth of January to March."""
    flights = load_flights()
    return flights[flights["departure"] < "2013-04-01"].iloc[::10].reset_index(drop=True)


@pytest.fixture(scope="module")
def scored(some_flights: pd.DataFrame) -> pd.DataFrame:
    return classified(some_flights)


def test_a_days_own_outcomes_do_not_touch_its_scores(some_flights: pd.DataFrame, scored: pd.DataFrame) -> None:
    day = some_flights["departure"].dt.floor("D") == pd.Timestamp("2013-02-08", tz="UTC")
    turned = some_flights.assign(late=some_flights["late"].mask(day, 1 - some_flights["late"]))
    again = classified(turned)
    pd.testing.assert_series_equal(again.loc[day, "score"], scored.loc[day, "score"])
    others = is_training(some_flights) & ~day
    assert (again.loc[others, "score"] != scored.loc[others, "score"]).any()


def test_outcomes_of_production_touch_nothing(some_flights: pd.DataFrame, scored: pd.DataFrame) -> None:
    served = ~is_training(some_flights)
    turned = some_flights.assign(late=some_flights["late"].mask(served, 1 - some_flights["late"]))
    pd.testing.assert_series_equal(classified(turned)["score"], scored["score"])


def test_the_model_has_learnt_something(scored: pd.DataFrame) -> None:
    known = scored[scored["late"].notna()]
    assert roc_auc_score(known["late"], known["score"]) > 0.6


def test_the_threshold_decides(scored: pd.DataFrame) -> None:
    assert np.array_equal(scored["prediction"] == 1, scored["score"] >= THRESHOLD)
    assert scored["score"].between(0, 1).all()
