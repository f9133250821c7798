"""Missing shares, counted in the raw rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from app.core.checks.missing_values import PLUGIN
from app.core.model import Outcome
from tests.core.checks.cases import LIVE, START, Given, by_day, days, learnt, measured, per_day, two_of_three


@pytest.fixture(scope="module")
def given() -> Given:
    """The feature x is None more and more often, kind about as often as in training; a NaN is not missing."""
    rng = np.random.default_rng(20)

    def rows(count: int, start: object, missing: list[float]) -> object:
        frame = days(count, 200, start)  # type: ignore[arg-type]
        hide = rng.uniform(size=len(frame)) < np.repeat(missing, 200)
        x = [None if hidden else value for hidden, value in zip(hide, rng.normal(size=len(frame)), strict=True)]
        x[::50] = [float("nan")] * len(x[::50])
        kind = [None if rng.uniform() < 0.05 else "a" for _ in range(len(frame))]
        return frame.assign(x=pd.Series(x, dtype=object), kind=pd.Series(kind, dtype=object), score=0.5, predicted="1")

    served = rows(6, LIVE, [0.02, 0.02, 0.2, 0.02, 0.2, 0.3])
    return Given(rows(40, START, [0.02] * 40), served, count=6)  # type: ignore[arg-type]


@pytest.mark.parametrize("feature", ["x", "kind"])
def test_shares_limits_and_outcomes_are_those_of_the_raw_rows(given: Given, feature: str) -> None:
    def shares(frame: object, start: object) -> list[float]:
        return [sum(v is None for v in day[feature]) / len(day) for day in per_day(frame, start)]  # type: ignore[arg-type]

    mean, tolerance = learnt(shares(given.reference, START), floor=0.01)
    values = shares(given.served, LIVE)
    found = by_day(PLUGIN, given.case(), feature)
    assert found.value.tolist() == pytest.approx(values)
    assert found.normal.tolist() == pytest.approx([mean] * 6)
    assert found.limit.tolist() == pytest.approx([mean + tolerance] * 6)
    assert found.outcome.tolist() == two_of_three([value > mean + tolerance for value in values])
    assert (Outcome.BREACH in set(found.outcome)) == (feature == "x")


def test_fewer_missing_values_than_ever_are_no_alarm(given: Given) -> None:
    full = given.but(reference=given.reference.assign(x=pd.Series([None, 1.0] * 4000, dtype=object)))  # type: ignore[union-attr]
    assert set(by_day(PLUGIN, full.case(), "x").outcome) == {Outcome.OK}


def test_a_feature_that_is_no_longer_sent_is_wholly_missing(given: Given) -> None:
    found = by_day(PLUGIN, given.but(served=given.served.drop(columns="kind")).case(), "kind")
    assert found.value.tolist() == [1.0] * 6
    assert found.outcome.tolist() == [Outcome.OK] + [Outcome.BREACH] * 5


def test_a_tiny_window_is_not_judged(given: Given) -> None:
    tiny = given.but(served=given.served[given.served.index % 10 == 0])
    found = measured(PLUGIN, tiny.case())
    assert set(found.reason) == {"too few predictions: 20, at least 30 are needed"}
    assert found.value.isna().all()
