"""Are answers slower than they were?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import numpy as np

from app.core.case import ENOUGH_ROWS, ENOUGH_WINDOWS, EVERY_TASK, Case
from app.core.daily import AHEAD_DAYS, LAST_DAYS, last_days
from app.core.judgement import (
    Harm,
    NormalWindows,
    Question,
    Readings,
    Rule,
    judge_by_season,
    learn,
    no_fault,
    normal_windows,
    too_few,
)
from app.core.model import Measurement, Outcome, Task, WindowLength
from app.core.profile import LATENCY_EDGES, FloatArray, IntArray, OutcomeCounts
from app.core.stats.quantiles import sample_quantile_from_histogram
from app.core.stats.trends import chance_slope, theil_sen

QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
FEWEST_DAYS = 10
CERTAINTY = 0.99
NO_CHANCE = 0.995
"""Part of the two-week slopes of normal days that the limit of the leak is to hold."""


@dataclass(frozen=True, slots=True)
class Latency:
    """`p50`, `p95`, `p99` in ms: sudden slowness. `leak`: the slope of the daily p95 over two weeks, in ms per day.

    The slope is Theil and Sen's, which single odd days do not move. It is a breach when its 99 % interval lies above
    zero, going on like this it adds a quarter to the median p95 within 30 days, and 5 ms at the least, and it is beyond
    what the normal days' own ups and downs make a slope by chance: usually weeks before that is beyond the limit of the
    p95 itself. Hourly models know too few normal days for the last of these.
    """

    name: ClassVar[str] = "latency"
    question: ClassVar[str] = "Are answers slower than they were, at once or a little every day?"
    advice: ClassVar[str] = (
        "Sudden: look at the last release and the machine; a leak: at memory, caches and growing tables."
    )
    tasks: ClassVar[frozenset[Task]] = EVERY_TASK
    by_season: ClassVar[bool] = True
    fixed_subjects: ClassVar[frozenset[str]] = frozenset({"leak"})

    step_ms: float = 5.0
    """An increase that is never worth an alarm."""
    growth: float = 0.25
    """Part of the median p95 that a leak would add within 30 days to be worth an alarm."""

    def evaluate(self, case: Case) -> Iterator[Measurement]:
        for subject, quantile in QUANTILES.items():
            yield from judge_by_season(case, partial(self._sudden, subject, quantile))
        yield from self._leaks(case)

    def _sudden(self, subject: str, quantile: float, case: Case) -> Iterator[Question]:
        needed = max(ENOUGH_ROWS, round(1 / (1 - quantile)))  # a quantile nearer to the end is only the largest value
        windows = normal_windows(case, lambda series: _timed(series.outcomes) >= needed)
        usual, rows = windows.series.outcomes, _timed(case.outcomes)
        readings = Readings(
            self.name,
            f"latency_{subject}_ms",
            [subject],
            values=_quantile(case.outcomes.latency, quantile, needed)[:, None],
            why_not=lambda window, _subject: too_few("predictions with a latency", rows[window], needed),
            sharing=len(QUANTILES),
            rows=rows.astype(np.float64)[:, None],
        )
        normal = learn(windows, _quantile(usual.latency, quantile, needed)[:, None], _timed(usual)[:, None])
        # The limit is a quarter above the slowest normal window, and at least `step_ms` above it.
        slowest = np.fmax.reduce(normal.values, axis=None, initial=0.0)
        yield Question(readings, normal, Rule(float(slowest) + self.step_ms, Harm.HIGHER, distance=True))

    def _leaks(self, case: Case) -> Iterator[Measurement]:
        windows = normal_windows(case, lambda series: _timed(series.outcomes) >= ENOUGH_ROWS)
        chance = _slope_by_chance(case, windows)
        for window, p95 in zip(case.judged, _daily_p95(case), strict=True):
            found = self._leak(case, window, p95, chance)
            yield no_fault(case, windows, found) if found.outcome is Outcome.OK else found

    def _leak(self, case: Case, window: int, p95: FloatArray, chance: float) -> Measurement:
        """The verdict on the days [LAST_DAYS] up to the end of the window; NaN where a day has too few latencies.

        A slope of up to the part `chance` of the p95 a day is no news.
        """
        told = np.isfinite(p95)
        untold = Measurement(
            self.name, "leak", case.windows[window], "theil_sen_slope_ms_per_day", Outcome.NOT_EVALUATED, normal=0.0
        )
        if not told[-1] or told.sum() < FEWEST_DAYS:
            found = f"{told.sum()} of the last {LAST_DAYS} days have latencies enough"
            return replace(untold, reason=f"{found}, {FEWEST_DAYS} and the last are needed")
        slope, lower, upper = theil_sen(p95[told], np.flatnonzero(told), certainty=CERTAINTY)
        median = float(np.median(p95[told]))
        limit = max(self.growth * median / AHEAD_DAYS, self.step_ms / AHEAD_DAYS, chance * median)
        leaks = slope > limit and lower > 0
        return replace(
            untold,
            outcome=Outcome.BREACH if leaks else Outcome.OK,
            value=slope,
            limit=limit,
            lower=lower,
            upper=upper,
            reason=f"going on like this, the p95 is {slope * AHEAD_DAYS:.0f} ms slower in {AHEAD_DAYS} days"
            if leaks
            else "",
        )


def _timed(outcomes: OutcomeCounts) -> IntArray:
    """[W] predictions with a latency."""
    return np.asarray(outcomes.latency.sum(axis=-1))


def _quantile(latency: IntArray, quantile: float, needed: int) -> FloatArray:
    """[...] ms from counts [..., LATENCY_BINS]; NaN where they are too few."""
    found = sample_quantile_from_histogram(latency, LATENCY_EDGES, quantile)
    return np.where(latency.sum(axis=-1) >= needed, found, np.nan)


def _daily_p95(case: Case) -> FloatArray:
    """[judged windows, LAST_DAYS] the p95 of each 24 hours up to the end of the window, oldest first."""
    days = last_days(case.outcomes.latency, case.model.window, case.judged)
    return np.where(days.known, _quantile(days.counts, QUANTILES["p95"], ENOUGH_ROWS), np.nan)


def _slope_by_chance(case: Case, windows: NormalWindows) -> float:
    """The slope, as part of the p95 a day, that days like the normal ones have by chance; 0 where few are known."""
    p95 = _quantile(windows.series.outcomes.latency, QUANTILES["p95"], ENOUGH_ROWS)
    if case.model.window is not WindowLength.DAY or len(p95) < ENOUGH_WINDOWS:
        return 0.0
    return chance_slope(p95, over=LAST_DAYS, certainty=NO_CHANCE) / float(p95.mean())


PLUGIN = Latency()
