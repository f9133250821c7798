"""The slope of the daily rate by hand and by brute force, and simulated traffic with a strong week."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from app.core.case import Case, Series
from app.core.checks.throughput import PLUGIN
from app.core.checks.volume import PLUGIN as VOLUME
from app.core.model import Model, Outcome, Task, Window, WindowLength
from app.core.profile import FeatureCounts, OutcomeCounts
from tests.core.checks.cases import LIVE, Given, by_day, days

WEEK = np.array([1.0, 1.1, 1.05, 1.0, 0.9, 0.3, 0.2])
"""Traffic of a working week; the busiest day has five times that of the quietest."""
USUAL = 5_000


def case_of(rows: ArrayLike, first: int = 0, length: WindowLength = WindowLength.DAY) -> Case:
    """So many predictions in each window since LIVE; nothing but their number is looked at."""
    base = Given(None, days(1, 1, LIVE).assign(score=0.5, predicted="1"), count=1).case()
    counts = np.asarray(rows).astype(np.int64)
    empty = OutcomeCounts.empty(base.layout)
    stacked = {name: np.broadcast_to(array, (counts.size, *array.shape)) for name, array in empty.arrays().items()}
    outcomes = OutcomeCounts(**{**stacked, "rows": counts})
    features = FeatureCounts.stack([FeatureCounts.empty(base.layout)] * min(counts.size, 90))
    windows = tuple(Window(LIVE + i * length.delta, LIVE + (i + 1) * length.delta) for i in range(counts.size))
    return replace(
        base,
        model=Model("m", Task.BINARY, length),
        windows=windows,
        first=first,
        outcomes=outcomes,
        features=features,
        early=Series(windows[:90], outcomes[:90], features),
        now=windows[-1].end,
    )


def traffic(
    rng: np.random.Generator, count: int, spread: float, likeness: float = 0.0, fade: float = 0.0, since: int = 31
) -> NDArray[np.float64]:
    """Daily predictions with the week's rhythm, log-normal days that resemble their neighbours, and a fade per day."""
    noise = np.zeros(count + 50)
    for day, new in enumerate(rng.normal(size=count + 50)):
        noise[day] = likeness * noise[day - 1] + np.sqrt(1 - likeness**2) * new
    faded = (1 + fade) ** np.maximum(0, np.arange(count) - since + 1)
    return USUAL * WEEK[np.arange(count) % 7] * np.exp(spread * noise[50:]) * faded


def breaches(rows: ArrayLike, first: int = 31) -> list[bool]:
    found = by_day(PLUGIN, case_of(rows, first))
    return [outcome == Outcome.BREACH for outcome in found.outcome]


def test_the_slope_is_the_median_over_all_pairs_of_equal_weekdays_in_predictions_per_second_per_day() -> None:
    rows = traffic(np.random.default_rng(1), 45, 0.1)
    found = by_day(PLUGIN, case_of(rows))
    for day in (20, 31, 44):
        last = {at: int(rows[at]) / 86_400 for at in range(day - 13, day + 1)}
        pairs = [(last[a], last[b], b - a) for a, b in combinations(last, 2) if (b - a) % 7 == 0]
        level = float(np.median(list(last.values())))
        slopes = [level * (later - earlier) / ((earlier + later) / 2) / apart for earlier, later, apart in pairs]
        assert found.value[day] == pytest.approx(float(np.median(slopes)))
        assert found.lower[day] <= min(slopes) + 1e-12
        assert found.upper[day] >= max(slopes) - 1e-12
    assert set(found.statistic) == {"weekday_slope_per_second_per_day"}


def test_the_limit_is_beyond_any_slope_of_the_days_that_normal_is_learnt_from() -> None:
    rows = traffic(np.random.default_rng(2), 40, 0.15)
    found = by_day(PLUGIN, case_of(rows))
    rates = np.floor(rows) / 86_400
    parts = []
    for end in range(14, 31):  # the very first day is not known, 30 after it are normal
        two_weeks = rates[end - 13 : end + 1]
        parts.append(abs(float(np.median((two_weeks[7:] - two_weeks[:7]) / (two_weeks[7:] + two_weeks[:7])))) * 2 / 7)
    share = max(0.4 / 30, 1.8 * max(parts))
    assert share > 0.4 / 30
    assert abs(found.limit[39]) == pytest.approx(share * float(np.median(rates[26:40])))
    assert np.sign(found.limit[39]) == np.sign(found.value[39])


def test_a_rhythm_without_noise_is_no_trend_and_a_fade_is_told_in_words() -> None:
    flat = traffic(np.random.default_rng(3), 60, 0.0)
    found = by_day(PLUGIN, case_of(flat, first=31))
    assert set(found.outcome) == {Outcome.OK}
    assert found.value.tolist() == pytest.approx([0.0] * 29, abs=1e-9)
    fading = by_day(PLUGIN, case_of(traffic(np.random.default_rng(3), 60, 0.0, fade=-0.03), first=31))
    assert fading.outcome[50] == Outcome.BREACH
    assert fading.reason[50].startswith("the rate falls by ")
    assert fading.reason[50].endswith(" a day, on every day of the week")


def test_weekends_without_traffic_leave_five_weekdays_to_go_by() -> None:
    rows = traffic(np.random.default_rng(4), 60, 0.0, fade=0.03) * (np.arange(60) % 7 < 5)
    found = by_day(PLUGIN, case_of(rows, first=31))
    weekend = found.loc[[day for day in found.index if day % 7 >= 5]]
    assert set(weekend.outcome) == {Outcome.NOT_EVALUATED}
    assert set(weekend.reason) == {"no predictions in this window"}
    assert found.outcome[52] == Outcome.BREACH
    assert "grows" in found.reason[52]


def test_too_few_days_say_how_many_there_are() -> None:
    found = by_day(PLUGIN, case_of([500.0] * 14))
    reason = "{} of 7 weekdays had traffic and are known twice in the last 14 days, 5 are needed"
    assert found.reason[11] == reason.format(4)  # from the second day on, 11 days: four of them twice
    assert found.reason[12].startswith("learning: ")


def test_one_odd_day_and_an_outage_are_volumes_alone() -> None:
    rows = traffic(np.random.default_rng(5), 60, 0.02)
    rows[40], rows[45] = 0, 4 * rows[45]
    assert True not in breaches(rows)
    assert by_day(VOLUME, case_of(rows, 31)).outcome[40] == Outcome.BREACH


def test_one_day_beyond_the_limit_is_no_breach_and_two_of_three_are() -> None:
    """A step that stays looks like a trend once, when all of a week lies behind it and all of one before it."""
    rows = USUAL * WEEK[np.arange(60) % 7] * np.where(np.arange(60) < 40, 1.0, 0.8)
    assert True not in breaches(rows)
    rows = traffic(np.random.default_rng(8), 60, 0.0, fade=-0.03, since=40)
    slopes = by_day(PLUGIN, case_of(rows, first=31))
    beyond = slopes.index[(slopes.value.abs() > slopes.limit.abs()) & (slopes.upper < 0)]
    assert slopes.index[slopes.outcome == Outcome.BREACH].tolist() == beyond[1:].tolist()


def test_days_with_a_strong_week_hardly_ever_look_like_a_fade() -> None:
    """50 models each for a month, of days that vary by 5 % and by 10 %, independently or like their neighbours."""
    rng = np.random.default_rng(6)
    settings = [(spread, likeness) for spread in (0.05, 0.1) for likeness in (0.0, 0.5)]
    alarms = {at: sum(any(breaches(traffic(rng, 61, *at))) for _ in range(50)) for at in settings}
    assert alarms[0.05, 0.0] == 0, alarms
    assert max(alarms[0.05, 0.5], alarms[0.1, 0.0]) <= 4, alarms
    assert alarms[0.1, 0.5] <= 8, alarms


def test_a_fade_of_3_percent_a_day_is_found_within_two_weeks_mostly() -> None:
    """40 models, days that vary by 5 %; volume, whose normal days hold the quiet weekend, sees it later."""
    rng = np.random.default_rng(7)
    models = [traffic(rng, 91, 0.05, fade=-0.03) for _ in range(40)]
    delays = [([*breaches(rows), True].index(True)) + 1 for rows in models]
    assert np.median(delays) <= 12
    assert max(delays) <= 21
    seen = [by_day(VOLUME, case_of(rows, 31)).outcome == Outcome.BREACH for rows in models[:10]]
    assert all(not found.iloc[:21].any() for found in seen)


def test_hours_make_whole_days_up_to_the_end_of_the_window() -> None:
    """Traffic by day only, a little less each day: at every hour of the next day the same two weeks are compared."""
    hours = 19 * 24
    at = np.arange(hours)
    rows = np.where((at % 24 >= 8) & (at % 24 < 20), 4_000 * 0.97 ** (at // 24), 0.0)
    found = by_day(PLUGIN, case_of(rows, hours - 24, WindowLength.HOUR))
    noon = hours - 24 + 12
    pooled = [int(np.floor(rows[noon + 1 - 24 * (d + 1) : noon + 1 - 24 * d]).sum()) / 86_400 for d in range(14)][::-1]
    changes = [
        (later - earlier) / (later + earlier) * 2 / 7 for earlier, later in zip(pooled, pooled[7:], strict=False)
    ]
    assert found.value[noon] == pytest.approx(np.median(changes) * np.median(pooled))
    assert found.outcome[noon] == Outcome.BREACH
    assert found.outcome[hours - 24] == Outcome.BREACH  # at night, too: the last 24 hours had traffic
