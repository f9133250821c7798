"""Latency quantiles against numpy's on raw values, the limit by its text, and the leak against scipy on raw days."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from scipy.stats import theilslopes

from app.core.case import Case, Series
from app.core.checks.latency import PLUGIN
from app.core.fold import fold
from app.core.model import Model, Outcome, Task, Window, WindowLength
from app.core.profile import FeatureCounts, OutcomeCounts, Profile
from app.core.stats.trends import chance_slope
from tests.core.checks.cases import (
    LIVE,
    START,
    Given,
    by_day,
    days,
    measured,
    per_day,
    rows_of,
    two_of_three,
)

BIN = 0.05  # latencies are counted in bins of 5 %
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def timed(medians: list[float], rng: np.random.Generator, rows: int = 400, start: object = LIVE) -> pd.DataFrame:
    """So many rows a day with latencies around these medians."""
    frame = days(len(medians), rows, start)  # type: ignore[arg-type]
    latency = np.repeat(medians, rows) * rng.lognormal(0, 0.3, len(frame))
    return frame.assign(latency=latency, score=0.5, predicted="1")


def served(*medians: float, rows: int = 400) -> Given:
    rng = np.random.default_rng(70)
    return Given(timed([40.0] * 35, rng, start=START), timed(list(medians), rng, rows), count=len(medians))


@pytest.mark.parametrize(("subject", "quantile"), QUANTILES.items())
def test_value_limit_and_outcome_are_those_of_the_raw_latencies(subject: str, quantile: float) -> None:
    given = served(40, 40, 60, 40, 60, 60, 40)
    assert given.reference is not None
    slowest = max(float(np.quantile(day["latency"], quantile)) for day in per_day(given.reference, START))
    values = [float(np.quantile(day["latency"], quantile)) for day in per_day(given.served, LIVE)]
    limit = max(1.25 * slowest, slowest + 5)
    found = by_day(PLUGIN, given.case(), subject)
    assert found.value.tolist() == pytest.approx(values, rel=BIN)
    assert found.limit.tolist() == pytest.approx([limit] * 7, rel=BIN)
    assert found.outcome.tolist() == two_of_three([value > limit for value in values])
    assert found.outcome[5] == Outcome.BREACH


def test_a_quarter_of_very_little_is_no_alarm() -> None:
    rng = np.random.default_rng(71)
    given = Given(timed([4.0] * 35, rng, start=START), timed([4.0, 6.0, 6.0, 6.0], rng), count=4)
    found = by_day(PLUGIN, given.case(), "p50")
    assert set(found.outcome) == {Outcome.OK}
    assert found.limit[0] == pytest.approx(4.0 + 5, rel=BIN)


def test_a_quantile_near_the_end_needs_more_than_the_largest_value() -> None:
    found = measured(PLUGIN, served(40, rows=60).case()).set_index("subject")
    assert found.outcome.to_dict() == {
        "p50": Outcome.OK,
        "p95": Outcome.OK,
        "p99": Outcome.NOT_EVALUATED,
        "leak": Outcome.NOT_EVALUATED,
    }
    assert found.reason["p99"] == "too few predictions with a latency: 60, at least 100 are needed"


def test_without_latencies_in_the_reference_production_shows_what_is_normal() -> None:
    rng = np.random.default_rng(72)
    frame = timed([40.0] * 30 + [40.0, 80.0, 80.0], rng)
    reference = timed([40.0] * 35, rng, start=START).assign(latency=np.nan)
    found = by_day(PLUGIN, Given(reference, frame, count=33).case(), "p95")
    assert set(found.outcome[:30]) == {Outcome.NOT_EVALUATED}
    assert found.outcome[30:].tolist() == [Outcome.OK, Outcome.OK, Outcome.BREACH]


def leaking(per_day_ms: float, count: int = 20) -> Given:
    return served(*[40 + per_day_ms * day for day in range(count)])


def test_a_leak_is_the_slope_of_the_last_14_daily_p95_and_found_before_any_limit_is_passed() -> None:
    given = leaking(0.6)
    p95 = [float(np.quantile(day["latency"], 0.95)) for day in per_day(given.served, LIVE)]
    found = by_day(PLUGIN, given.case(), "leak")
    assert found.reason[8] == "9 of the last 14 days have latencies enough, 10 and the last are needed"
    for day in range(13, 20):
        window = p95[day - 13 : day + 1]
        slope, _, lower, _upper = theilslopes(window, alpha=0.99)
        assert found.value[day] == pytest.approx(slope, abs=0.25)
        assert found.limit[day] == pytest.approx(max(0.25 * float(np.median(window)), 5) / 30, rel=0.02)
        assert found.lower[day] <= lower + 0.25  # never narrower than for independent days
    late = found.loc[15:]
    assert set(late.outcome) == {Outcome.BREACH}
    assert (late.lower > 0).all()
    assert Outcome.BREACH not in set(by_day(PLUGIN, given.case(), "p95").outcome[:16])


@pytest.mark.parametrize("growth", [-2.0, 0.0, 0.1])
def test_what_does_not_grow_by_a_quarter_in_a_month_is_no_leak(growth: float) -> None:
    found = by_day(PLUGIN, leaking(growth).case(), "leak")
    assert Outcome.BREACH not in set(found.outcome)


def test_one_slow_day_is_no_leak_and_a_gap_is_passed_over() -> None:
    given = served(*[40.0] * 17, 400.0)
    assert by_day(PLUGIN, given.case(), "leak").outcome[17] == Outcome.OK
    given = leaking(1.2)
    kept = ~given.served["time"].dt.day.isin([15, 16, 17])
    found = by_day(PLUGIN, given.but(served=given.served[kept]).case(), "leak")
    assert found.outcome[13] == Outcome.BREACH
    assert set(found.outcome[14:17]) == {Outcome.NOT_EVALUATED}
    assert found.outcome[19] == Outcome.BREACH


def test_days_that_only_vary_hardly_ever_look_like_a_leak() -> None:
    """100 models, whose daily medians vary by 10 %, looked at once each."""
    rng = np.random.default_rng(73)
    alarms = 0
    for _ in range(100):
        frame = timed((40 * rng.lognormal(0, 0.1, 20)).tolist(), rng, rows=40)
        case = Given(None, frame, count=20, first=19).case()
        alarms += by_day(PLUGIN, case, "leak").outcome[19] == Outcome.BREACH
    assert alarms <= 2


def wandering(rng: np.random.Generator, count: int) -> list[float]:
    """Daily medians that vary by 6 %, each day much like the one before (.8)."""
    steps = rng.normal(size=count)
    for day in range(1, count):
        steps[day] = 0.8 * steps[day - 1] + 0.6 * steps[day]
    return [40 * float(np.exp(0.06 * step)) for step in steps]


def test_once_normal_days_have_shown_how_they_wander_a_slope_must_be_beyond_what_that_makes_by_chance() -> None:
    rng = np.random.default_rng(75)
    given = Given(None, timed(wandering(rng, 45), rng, rows=100), count=45)
    p95 = np.array([float(np.quantile(day["latency"], 0.95)) for day in per_day(given.served, LIVE)])
    share = chance_slope(p95[:30], over=14, certainty=0.995) / p95[:30].mean()
    found = by_day(PLUGIN, given.case(), "leak")
    for day in range(13, 45):
        median = float(np.median(p95[day - 13 : day + 1]))
        assert share * median > 0.25 * median / 30
        assert found.limit[day] == pytest.approx(share * median, rel=0.1)


def test_a_leak_that_began_before_normal_was_known_goes_on_being_one() -> None:
    given = served(*[40 * 1.015**day for day in range(40)])
    assert set(by_day(PLUGIN, given.case(), "leak").outcome[17:]) == {Outcome.BREACH}


def test_hours_make_whole_days_up_to_the_end_of_the_window() -> None:
    """A model that is slow at night, each night a little more; its hours are pooled into days, whenever these begin."""
    rng = np.random.default_rng(74)
    hours = 15 * 24 + 7
    frame = days(16, 24 * 40, LIVE)
    at = (frame["time"] - pd.Timestamp(LIVE)) // pd.Timedelta(hours=1)
    night = np.where(at % 24 < 6, 3.0, 1.0)
    frame = frame.assign(latency=night * (20 + at / 12) * rng.lognormal(0, 0.1, len(frame)), score=0.5, predicted="1")
    frame = frame[at < hours]
    found = by_hour(frame, hours)
    raw = [frame["latency"][(at < hours - 24 * day) & (at >= hours - 24 * (day + 1))] for day in range(14)]
    p95 = [float(np.quantile(day, 0.95)) for day in reversed(raw)]
    assert found.loc[hours - 1, "value"] == pytest.approx(theilslopes(p95).slope, rel=0.1)
    assert found.loc[hours - 1, "outcome"] == Outcome.BREACH


def by_hour(frame: pd.DataFrame, hours: int) -> pd.DataFrame:
    """The leak of each hour since LIVE."""
    hour = timedelta(hours=1)
    daily = Given(None, frame, count=1).case()
    profiles = fold(daily.layout, rows_of(frame, Task.BINARY), WindowLength.HOUR)
    windows = tuple(Window(LIVE + i * hour, LIVE + (i + 1) * hour) for i in range(hours))
    parts = [profiles.get(window.start, Profile.empty(daily.layout)) for window in windows]
    outcomes = OutcomeCounts.stack([part.outcomes for part in parts])
    features = FeatureCounts.stack([part.features for part in parts])
    case: Case = replace(
        daily,
        model=Model("m", Task.BINARY, WindowLength.HOUR),
        windows=windows,
        first=hours - 1,
        outcomes=outcomes,
        features=features,
        early=Series(windows[:90], outcomes[:90], features[:90]),
        now=windows[-1].end,
    )
    return by_day(PLUGIN, case, "leak")
