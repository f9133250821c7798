"""Limits of a model with a rhythm: each window is compared with those of its own season."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from app.core.case import ENOUGH_WINDOWS, Case, Check, Series
from app.core.checks.confident_share import ConfidentShare
from app.core.checks.prediction_drift import PredictionDrift
from app.core.checks.training_serving_skew import TrainingServingSkew
from app.core.model import Model, Outcome, Task, WindowLength
from app.core.seasons import MOST_WINDOWS, learn_seasons
from app.services.checks import all_checks, checks_by_season
from tests.core.checks.cases import DAY, LIVE, START, Given, binary, folded, measured, run_of_days, series

HOUR = timedelta(hours=1)
NIGHT, MORNING = 3, 6
"""The simulated model works from 0 to 6 o'clock: three hours of night, and three of the morning, four sds higher."""
ROWS = 40
WEEKS = 15
HOURLY = Model("m", Task.BINARY, WindowLength.HOUR)
SHIFTED = LIVE + DAY  # the second day of production


def rhythm(start: datetime, days: int, rng: np.random.Generator, shift: float = 0.0) -> pd.DataFrame:
    """`binary` with a day/night rhythm; each hour strays a little. `shift` is added in the nights from SHIFTED on.

    At night a tenth of the kinds is missing.
    """
    hours = [start + day * DAY + hour * HOUR for day in range(days) for hour in range(MORNING)]
    levels = np.array([0.0 if hour.hour < NIGHT else 4.0 for hour in hours]) + rng.normal(0, 0.1, len(hours))
    levels += np.array([shift if hour.hour < NIGHT and hour >= SHIFTED else 0.0 for hour in hours])
    times = [hour + n * HOUR / ROWS for hour in hours for n in range(ROWS)]
    frame = binary(pd.DataFrame({"time": pd.DatetimeIndex(times)}), rng, np.repeat(levels, ROWS))
    lost = (frame["time"].dt.hour < NIGHT) & (rng.uniform(size=len(frame)) < 0.1)
    return frame.assign(kind=frame["kind"].astype(object).where(~lost, None))


@pytest.fixture(scope="module")
def hourly() -> Given:
    """Two days in production, whose second night (hours 24 to 26) is two sds higher: half-way to the morning."""
    rng = np.random.default_rng(7)
    reference = rhythm(START, 7 * WEEKS, rng)
    return Given(reference, rhythm(LIVE, 2, rng, shift=2.0), count=30, model=HOURLY, budget=True)


@pytest.fixture(scope="module")
def seasonal(hourly: Given) -> Case:
    return hourly.case()


def flat(case: Case) -> Case:
    """The same where no season is known."""
    return replace(case, seasons={})


def serving(case: Case, frame: pd.DataFrame, count: int, first: int = 0) -> Case:
    """The same model in production with other rows, or to be judged from another window on."""
    windows = run_of_days(LIVE, count, HOUR)
    served = series(folded(case.layout, frame, Task.BINARY, WindowLength.HOUR), windows, case.layout)
    return replace(
        case,
        windows=windows,
        first=first,
        outcomes=served.outcomes,
        features=served.features,
        early=served,
        now=windows[-1].end,
    )


def breaches(case: Case, check: Check, subject: str) -> set[int]:
    found = measured(check, case)
    return set(found[(found.subject == subject) & (found.outcome == Outcome.BREACH)].day)


def test_every_hour_of_the_reference_is_a_season_of_its_own(seasonal: Case) -> None:
    assert sorted(seasonal.seasons) == [*range(MORNING), *range(24, 24 + MORNING)]
    assert {len(season) for season in seasonal.seasons.values()} == {30, 60}  # 15 weekends, 75 weekdays


@pytest.mark.parametrize(
    ("check", "subject"), [(TrainingServingSkew(), "x"), (PredictionDrift(), "score"), (ConfidentShare(), "")]
)
def test_a_night_that_looks_half_like_day_is_found_by_its_own_hours_alone(
    seasonal: Case, check: Check, subject: str
) -> None:
    assert breaches(seasonal, check, subject) == {25, 26, 27}  # in the morning two of the last three still are
    assert breaches(flat(seasonal), check, subject) == set()


def test_the_distance_is_from_the_windows_of_the_same_hour(hourly: Given, seasonal: Case) -> None:
    found = measured(TrainingServingSkew(), seasonal)
    (mine,) = found[(found.subject == "x") & (found.day == 24)].value
    reference = hourly.reference
    assert reference is not None
    times = pd.DatetimeIndex(reference["time"])
    same = reference[(times.hour == 0) & (times.dayofweek < 5)]
    newest = same[same["time"] >= sorted(set(same["time"].dt.floor("h")))[-60]]
    night = hourly.served[hourly.served["time"].dt.floor("h") == pd.Timestamp(SHIFTED)]
    quantiles = (np.arange(2000) + 0.5) / 2000
    apart = np.abs(np.quantile(night["x"], quantiles) - np.quantile(newest["x"], quantiles)).mean()
    low, high = reference["x"].quantile([0.001, 0.999])
    assert mine == pytest.approx(apart / reference["x"].clip(low, high).std(ddof=0), rel=0.03)


def test_nothing_alarms_without_a_shift(seasonal: Case) -> None:
    case = serving(seasonal, rhythm(LIVE, 3, np.random.default_rng(23)), 3 * 24, first=6)
    for name, check in all_checks().items():
        found = measured(check, case)
        assert set(found.day) == set(range(6, 72)), name
        # Volume learns from production, whose first 30 windows tell nothing of the 18 hours of each day without rows.
        assert name == "volume" or not (found.outcome == Outcome.BREACH).any(), name


def test_the_checks_that_judge_by_season_say_so(hourly: Given, seasonal: Case) -> None:
    case = serving(seasonal, hourly.served, 30, first=24)
    differing = {
        name
        for name, check in all_checks().items()
        if not measured(check, case).drop(columns="reason").equals(measured(check, flat(case)).drop(columns="reason"))
    }
    # One of the two features is a number: there is nothing to go together.
    assert differing == checks_by_season() - {"multivariate_drift"}


def test_the_verdict_on_a_window_does_not_depend_on_those_it_is_judged_with(hourly: Given, seasonal: Case) -> None:
    together = measured(TrainingServingSkew(), seasonal)
    alone = measured(TrainingServingSkew(), serving(seasonal, hourly.served, 30, first=25))
    pd.testing.assert_frame_equal(
        together[together.day >= 25].reset_index(drop=True),
        alone.sort_values(
            ["statistic", "day"],
            key=lambda column: (
                column if column.name == "day" else column.map({"normed_wasserstein": 0, "jensen_shannon": 1})
            ),
            kind="stable",
        ).reset_index(drop=True),
    )


def test_hours_that_the_reference_does_not_have_are_compared_with_all_of_it(hourly: Given, seasonal: Case) -> None:
    case = serving(seasonal, hourly.served.assign(time=hourly.served["time"] + 8 * HOUR), 30, first=8)
    found, expected = (measured(TrainingServingSkew(), one) for one in (case, flat(case)))
    hours = range(8, 24)  # of these the first six have rows
    assert found[found.day.isin(hours)].value.notna().sum() == 2 * 6
    pd.testing.assert_frame_equal(found[found.day.isin(hours)], expected[expected.day.isin(hours)])


def test_a_season_whose_windows_cannot_tell_is_judged_by_all_windows(seasonal: Case) -> None:
    """At 2 o'clock only half of the reference's windows have predictions."""
    season = seasonal.seasons[2]
    outcomes = replace(season.outcomes, predicted=season.outcomes.predicted.copy())
    outcomes.predicted[: len(season) - 29] = 0
    case = replace(seasonal, seasons={**seasonal.seasons, 2: Series(season.windows, outcomes, season.features)})
    found, expected = (measured(PredictionDrift(), one).set_index(["subject", "day"]) for one in (case, flat(case)))
    assert found.limit["score", 2] == expected.limit["score", 2]
    assert found.limit["score", 1] != expected.limit["score", 1]


def test_one_season_with_too_few_windows_leaves_all_limits_as_they_were() -> None:
    starts = [START + day * DAY + hour * HOUR for day in range(7 * WEEKS) for hour in range(MORNING)]
    rows = np.full(len(starts), ROWS)
    assert learn_seasons(starts, rows, WindowLength.HOUR, ENOUGH_WINDOWS).lacking is None
    saturday = next(at for at, start in enumerate(starts) if start.weekday() == 5 and start.hour == 4)
    rows[saturday] = ROWS / 2 - 1  # cut short: not a full window
    found = learn_seasons(starts, rows, WindowLength.HOUR, ENOUGH_WINDOWS)
    assert (found.windows, found.lacking) == ({}, (24 + 4, 29))
    said = found.words(WindowLength.HOUR, ENOUGH_WINDOWS)
    assert said == "not seasonal: 29 of 30 windows are known for weekends, 04:00 UTC"


def test_of_a_season_the_newest_full_windows_count() -> None:
    starts = [START + day * DAY for day in range(200)]
    found = learn_seasons(starts, np.full(200, ROWS), WindowLength.DAY, ENOUGH_WINDOWS)
    weekends = [at for at, start in enumerate(starts) if start.weekday() >= 5]
    assert found.windows[1].tolist() == weekends[-MOST_WINDOWS:]
    assert len(found.windows[0]) == MOST_WINDOWS
    assert found.words(WindowLength.DAY, ENOUGH_WINDOWS) == "seasonal: weekdays and weekends apart"


def test_without_windows_there_are_no_seasons() -> None:
    found = learn_seasons([], [], WindowLength.DAY, ENOUGH_WINDOWS)
    assert found.words(WindowLength.DAY, ENOUGH_WINDOWS) == "not seasonal: there is no reference with timestamps"


def test_weekends_of_a_daily_model_are_compared_with_weekends() -> None:
    """Weekends lie four sds higher; a Monday and a Tuesday that look half like one are found."""
    rng, days = np.random.default_rng(3), 7 * WEEKS

    def week(start: datetime, count: int, odd: tuple[int, ...] = ()) -> pd.DataFrame:
        starts = [start + n * DAY for n in range(count)]
        level = [4.0 if day.weekday() >= 5 else 2.0 if n in odd else 0.0 for n, day in enumerate(starts)]
        times = [day + n * DAY / ROWS for day in starts for n in range(ROWS)]
        stray = np.repeat(np.array(level) + rng.normal(0, 0.1, count), ROWS)
        return binary(pd.DataFrame({"time": pd.DatetimeIndex(times)}), rng, stray)

    monday = LIVE - LIVE.weekday() * DAY
    reference, served = week(monday - days * DAY, days), week(monday, 9, odd=(7, 8))
    case = Given(reference, served, count=9, since=monday, budget=True).case()
    assert [len(case.seasons[season]) for season in (0, 1)] == [MOST_WINDOWS, 30]
    assert breaches(case, TrainingServingSkew(), "x") == {8}
    assert breaches(flat(case), TrainingServingSkew(), "x") == set()
