"""Drift against scipy's distances from the pooled rows of the days before, and which days are left out of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from app.core.checks import training_serving_skew
from app.core.checks.data_drift import PLUGIN
from app.core.model import Outcome
from tests.core.checks.cases import LIVE, Given, by_day, days, per_day, two_of_three

ROWS = 150
TOLERANCE = 0.01


@cache
def reference() -> pd.DataFrame:
    return simulated(np.zeros(40), np.random.default_rng(50)).assign(time=days(40, ROWS)["time"])


def simulated(shifts: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """A number and a category, the number moved by so many sds on each day."""
    times = days(len(shifts), ROWS, LIVE)
    x = rng.normal(10, 2, len(times)) + 2 * np.repeat(shifts, ROWS)
    kind = rng.choice(["a", "b", "c"], len(times), p=[0.5, 0.3, 0.2])
    return times.assign(x=x, kind=kind, score=0.5, predicted="1")


def moved(*shifts: float) -> Given:
    served = simulated(np.array(shifts), np.random.default_rng(51))
    return Given(reference(), served, count=len(shifts))


def wasserstein(one: pd.Series, other: pd.Series) -> float:
    low, high = np.quantile(reference()["x"], [0.001, 0.999])
    return float(wasserstein_distance(one, other) / reference()["x"].clip(low, high).std(ddof=0))


def jensen_shannon(one: pd.Series, other: pd.Series) -> float:
    here, there = (side.value_counts() for side in (one, other))
    here, there = here.align(there, fill_value=0)
    return float(jensenshannon(here, there, base=2))


@pytest.mark.parametrize(("feature", "distance"), [("x", wasserstein), ("kind", jensen_shannon)])
def test_a_day_is_compared_with_the_rows_of_up_to_30_days_before_it(
    feature: str, distance: Callable[[pd.Series, pd.Series], float]
) -> None:
    given = moved(*[0.0] * 36)
    parts = [day[feature] for day in per_day(given.served, LIVE)]
    expected = [distance(parts[day], pd.concat(parts[max(0, day - 30) : day])) for day in range(10, 36)]
    found = by_day(PLUGIN, given.case(), feature)
    assert found.value[10:].tolist() == pytest.approx(expected, abs=TOLERANCE)
    assert set(found.outcome[10:]) == {Outcome.OK}
    assert set(found.outcome[:10]) == {Outcome.NOT_EVALUATED}
    assert found.reason[9] == "9 recent windows hold enough values, at least 10 are needed"


def test_the_limit_is_that_of_skew_whatever_production_does() -> None:
    given = moved(*np.linspace(0, 1, 36))
    for feature in ("x", "kind"):
        mine, skew = (by_day(check, given.case(), feature) for check in (PLUGIN, training_serving_skew.PLUGIN))
        assert mine.limit.tolist() == skew.limit.tolist()


def test_a_step_is_found_and_is_the_new_normal_when_most_recent_days_know_nothing_else() -> None:
    found = by_day(PLUGIN, moved(*[0.0] * 30, *[1.0] * 30).case(), "x")
    skew = by_day(training_serving_skew.PLUGIN, moved(*[0.0] * 30, *[1.0] * 30).case(), "x")
    breaches = [day for day in range(60) if found.outcome[day] == Outcome.BREACH]
    assert breaches == list(range(31, 31 + len(breaches)))
    assert 13 <= len(breaches) <= 17
    assert set(skew.outcome[31:]) == {Outcome.BREACH}


def test_an_incident_is_left_out_of_the_baseline_of_the_days_after_it() -> None:
    shifts = [0.0] * 25 + [3.0] * 6 + [0.0] * 10
    given = moved(*shifts)
    found = by_day(PLUGIN, given.case(), "x")
    parts = [day["x"] for day in per_day(given.served, LIVE)]
    for day in range(31, 41):
        before = [part for at, part in enumerate(parts[day - 30 : day], day - 30) if shifts[at] == 0]
        assert found.value[day] == pytest.approx(wasserstein(parts[day], pd.concat(before)), abs=TOLERANCE)
    exceeds = (found.value > found.limit).fillna(False).tolist()
    assert exceeds == [shift > 0 for shift in shifts]
    assert found.outcome[10:].tolist() == two_of_three(exceeds)[10:]


def test_days_that_belong_to_the_normal_rhythm_stay_in_the_baseline() -> None:
    """The reference has weekends, too: they widen the limit, and none of them is odd."""
    week = [0.0] * 5 + [1.0] * 2
    rng = np.random.default_rng(52)
    rhythmic = simulated(np.array(week * 6), rng).assign(time=days(42, ROWS)["time"])
    given = moved(*week * 6).but(reference=rhythmic)
    found = by_day(PLUGIN, given.case(), "x")
    assert set(found.outcome[10:]) == {Outcome.OK}
    parts = [day["x"] for day in per_day(given.served, LIVE)]
    low, high = np.quantile(rhythmic["x"], [0.001, 0.999])
    sd = rhythmic["x"].clip(low, high).std(ddof=0)
    expected = wasserstein_distance(parts[40], pd.concat(parts[10:40])) / sd
    assert found.value[40] == pytest.approx(expected, abs=TOLERANCE)


def test_one_odd_feature_leaves_the_baseline_of_the_others_alone() -> None:
    shifts = [0.0] * 25 + [3.0] * 6 + [0.0] * 3
    found = by_day(PLUGIN, moved(*shifts).case(), "kind")
    calm = by_day(PLUGIN, moved(*[0.0] * 34).case(), "kind")
    assert found.value.tolist() == pytest.approx(calm.value.tolist(), nan_ok=True)
