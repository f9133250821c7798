"""Skew against the distances of scipy on the raw rows, and the behaviour of its limit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from zlib import crc32

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from app.core.checks.training_serving_skew import PLUGIN
from app.core.layout import MOST_CATEGORIES, TAIL_BUCKETS
from app.core.model import Outcome
from tests.core.checks.cases import DAY, LIVE, START, Given, by_day, days, measured, per_day, two_of_three, usual

# Mass is placed at its bin's mean, so the distance between values that share a bin is not seen. It matters in the open
# end bins of a heavy tail, which hold three rows of a window of 400 (with 4,000 rows the error is below .003).
TOLERANCE = 0.007
HEAVY_TOLERANCE = 0.02


def raw_wasserstein(reference: pd.Series) -> Callable[[pd.Series, pd.Series], float]:
    """W1 of the raw values over the sd of the reference, winsorised at .1 % and 99.9 %."""
    low, high = np.quantile(reference, [0.001, 0.999])
    sd = reference.clip(low, high).std(ddof=0)
    return lambda one, other: wasserstein_distance(one, other) / sd


def raw_jensen_shannon(reference: pd.Series) -> Callable[[pd.Series, pd.Series], float]:
    """Distance in base 2 of the value counts; beyond the most frequent categories a value counts by its checksum."""
    counts = reference.value_counts().reset_index()
    counts.columns = pd.Index(["name", "count"])
    known = counts.sort_values(["count", "name"], ascending=[False, True])["name"][:MOST_CATEGORIES].tolist()

    def tail(value: str) -> str:
        return f"(bucket {crc32(value.encode()) % TAIL_BUCKETS})" if len(counts) > MOST_CATEGORIES else "(other)"

    def distance(one: pd.Series, other: pd.Series) -> float:
        here, there = (side.where(side.isin(known), side.map(tail)).value_counts() for side in (one, other))
        here, there = here.align(there, fill_value=0)
        return float(jensenshannon(here, there, base=2))

    return distance


def features(times: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    n = len(times)
    return times.assign(
        smooth=rng.normal(5, 2, n),
        heavy=rng.lognormal(0, 1, n),
        counted=rng.poisson(3, n),
        constant=7.0,
        kind=rng.choice(["a", "b", "c"], n, p=[0.7, 0.2, 0.1]),
        town=[f"t{i}" for i in rng.zipf(1.3, n) % 150],
        score=rng.uniform(size=n),
        predicted="1",
    )


@pytest.fixture(scope="module")
def given() -> Given:
    """A reference of 35 days, and 8 days of which the last four have moved in every feature but the constant one."""
    rng = np.random.default_rng(10)
    reference = features(days(35, 400), rng)
    served = features(days(8, 400, LIVE), rng)
    late = served["time"] >= pd.Timestamp(LIVE + 4 * DAY)
    served.loc[late, ["smooth", "heavy"]] *= 1.4
    served["counted"] += late.astype(int)
    served["kind"] = served["kind"].where(~late, "new")
    served["town"] = served["town"].where(~late, served["town"] + "0")
    return Given(reference, served, count=8)


@pytest.mark.parametrize(
    ("feature", "oracle", "statistic", "tolerance"),
    [
        ("smooth", raw_wasserstein, "normed_wasserstein", TOLERANCE),
        ("heavy", raw_wasserstein, "normed_wasserstein", HEAVY_TOLERANCE),
        ("counted", raw_wasserstein, "normed_wasserstein", 0.001),
        ("kind", raw_jensen_shannon, "jensen_shannon", 1e-9),
        ("town", raw_jensen_shannon, "jensen_shannon", 1e-9),
    ],
)
def test_value_limit_and_outcome_are_those_of_the_raw_rows(
    given: Given, feature: str, oracle: Callable[[pd.Series], Callable[..., float]], statistic: str, tolerance: float
) -> None:
    assert given.reference is not None
    reference = given.reference[feature]
    distance = oracle(reference)
    own = [distance(day[feature], reference.drop(day.index)) for day in per_day(given.reference, START)]
    limit = max(0.1, 1.25 * max(own))
    values = [distance(day[feature], reference) for day in per_day(given.served, LIVE)]
    found = by_day(PLUGIN, given.case(), feature)
    assert set(found.statistic) == {statistic}
    assert found.value.tolist() == pytest.approx(values, abs=tolerance)
    assert found.limit.tolist() == pytest.approx([limit] * 8, abs=1.25 * tolerance)
    assert found.outcome.tolist() == two_of_three([value > limit for value in values])
    assert found.outcome.tolist()[-1] == Outcome.BREACH


def test_a_constant_that_stays_is_at_distance_nothing_and_one_that_moves_is_found(given: Given) -> None:
    found = by_day(PLUGIN, given.case(), "constant")
    assert found.value.tolist() == pytest.approx([0.0] * 8)
    moved = given.but(served=given.served.assign(constant=14.0))
    found = by_day(PLUGIN, moved.case(), "constant")
    assert found.value.tolist() == pytest.approx([1.0] * 8)  # in units of the constant itself
    assert found.outcome.tolist() == [Outcome.OK] + [Outcome.BREACH] * 7


def test_the_limit_widens_only_for_windows_smaller_than_any_of_the_reference(given: Given) -> None:
    rng = np.random.default_rng(11)
    sizes = [400, 100, 4000, 25]
    served = features(days(4, sizes, LIVE), rng)
    found = by_day(PLUGIN, given.but(served=served, count=4).case(), "smooth")
    plain = found.limit[0]
    assert found.limit[[0, 1, 2]].tolist() == pytest.approx([plain, 2 * plain, plain])  # sqrt(400 / 100)
    assert found.outcome[3] == Outcome.NOT_EVALUATED
    assert found.reason[3] == "too few values: 25, at least 30 are needed"


def test_without_times_limits_come_from_the_first_30_days_but_values_are_distances_from_training() -> None:
    rng = np.random.default_rng(12)
    reference = features(days(10, 600), rng)
    served = features(days(34, 400, LIVE), rng).assign(
        smooth=lambda frame: frame["smooth"] + 1.0
    )  # skewed from day one
    found = by_day(PLUGIN, Given(reference, served, count=34, timed=False).case(), "smooth")
    distance = raw_wasserstein(reference["smooth"])
    ages = per_day(served, LIVE)
    assert found.value.tolist() == pytest.approx(
        [distance(d["smooth"], reference["smooth"]) for d in ages], abs=TOLERANCE
    )
    learning = pd.concat(ages[:30])["smooth"]
    limit = max(0.1, 1.25 * max(distance(d["smooth"], learning.drop(d.index)) for d in ages[:30]))
    assert found.limit.tolist() == pytest.approx([limit] * 34, abs=1.25 * TOLERANCE)
    assert set(found.outcome[:30]) == {Outcome.NOT_EVALUATED}
    assert set(found.reason[:30]) == {"learning: this window is one of those that normal is learnt from"}
    assert found.outcome[30:].tolist() == [Outcome.OK] + [Outcome.BREACH] * 3


def test_a_short_reference_is_filled_up_by_productions_first_days() -> None:
    given = usual(reference_days=25, count=8)
    found = by_day(PLUGIN, given.case(), "x")
    assert found.outcome.tolist() == [Outcome.NOT_EVALUATED] * 5 + [Outcome.OK] * 3
    early = by_day(PLUGIN, given.but(count=3).case(), "x")
    ready = LIVE + timedelta(days=5)
    assert set(early.reason) == {
        f"learning: 28 of 30 windows of normal variation are known; ready on {ready:%Y-%m-%d} 00:00 UTC at the earliest"
    }


def test_features_that_the_reference_or_production_lacks_cannot_be_told() -> None:
    given = usual()
    assert given.reference is not None
    lost = by_day(PLUGIN, given.but(served=given.served.drop(columns="x")).case(), "x")
    assert set(lost.reason) == {"no values in this window"}
    half = given.reference.assign(x=[value if day % 2 else np.nan for day, value in enumerate(given.reference["x"])])
    assert set(by_day(PLUGIN, given.but(reference=half).case(), "x").outcome) == {Outcome.OK}
    empty = given.reference.assign(x=np.nan)
    found = by_day(PLUGIN, given.but(reference=empty).case(), "x")
    assert set(found.outcome) == {Outcome.NOT_EVALUATED}
    assert set(found.reason) == {"the reference has no value of this feature: store one that has"}


def test_a_feature_that_few_reference_days_hold_is_said_to_need_a_longer_reference() -> None:
    given = usual()
    assert given.reference is not None
    seldom = given.reference["x"].where(given.reference["time"] >= pd.Timestamp(START + 20 * DAY), np.nan)
    found = by_day(PLUGIN, given.but(reference=given.reference.assign(x=seldom)).case(), "x")
    reason = "learning: 20 of 30 windows of normal variation are known; the reference shows no more of them: "
    assert set(found.reason) == {reason + "store a longer one"}


def test_a_budget_widens_the_limit_of_a_feature_only_where_its_own_expected_rate_is_above_its_share() -> None:
    plain = usual(reference_days=40, rows=60)
    seen = by_day(PLUGIN, plain.case(), "x").iloc[0]
    allowed = replace(plain.case(), allowed_rate=4 * seen.expected_rate)  # two features: each twice what it needs
    assert by_day(PLUGIN, allowed, "x").iloc[0].limit == seen.limit
    tight = replace(plain.case(), allowed_rate=seen.expected_rate / 10)
    found = by_day(PLUGIN, tight, "x").iloc[0]
    assert found.limit > seen.limit
    assert found.expected_rate == pytest.approx(seen.expected_rate / 20)
    divided = by_day(PLUGIN, replace(tight, allowed_rate=tight.allowed_rate * 3, shares=3), "x").iloc[0]
    assert divided.limit == pytest.approx(found.limit)


def test_no_drift_alarms_seldom_and_a_shift_of_three_quarters_of_an_sd_is_found_in_three_days() -> None:
    """12 features, R = 60, days with effects of their own (sd .15): statistics.md expects under .1 % of windows."""
    rng = np.random.default_rng(13)

    def world(count: int, start: object) -> pd.DataFrame:
        times = days(count, 300, start)  # type: ignore[arg-type]
        effects = rng.normal(0, 0.15, (count, 12)).repeat(300, axis=0)
        values = rng.normal(size=(len(times), 12)) + effects
        return times.assign(**{f"f{i}": values[:, i] for i in range(12)}, score=0.5, predicted="1")

    reference, served = world(60, START), world(90, LIVE)
    found = measured(PLUGIN, Given(reference, served, count=90).case())
    breaches = found[found.outcome == Outcome.BREACH].groupby("day").size()
    assert len(breaches) <= 2  # of 90 model-windows; .6 % even where days are correlated
    late = served["time"] >= pd.Timestamp(LIVE + 80 * DAY)
    shifted = Given(reference, served.assign(f3=served["f3"] + 0.75 * late), count=90).case()
    outcomes = by_day(PLUGIN, shifted, "f3").outcome
    assert Outcome.BREACH in set(outcomes[80:83])
