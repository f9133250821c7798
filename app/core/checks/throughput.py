"""Does the rate of predictions fade or swell from day to day?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import ClassVar, NamedTuple

import numpy as np

from app.core.case import ENOUGH_ROWS, EVERY_TASK, Case
from app.core.daily import AHEAD_DAYS, LAST_DAYS, last_days
from app.core.judgement import NEEDED, OF, no_fault, normal_windows, too_few
from app.core.model import Measurement, Outcome, Task, WindowLength
from app.core.profile import FloatArray, IntArray
from app.core.stats.trends import trend_of_changes

SECONDS_A_DAY = timedelta(days=1).total_seconds()
DAYS_OF_WEEK = 7
DAYS = LAST_DAYS + OF - 1
FEWEST_WEEKDAYS = 5
"""Weekdays that were seen twice; fewer say too little, more are not there where weekends have no traffic."""


@dataclass(frozen=True, slots=True)
class Throughput:
    """The slope of the daily rate over two weeks, in predictions per second per day.

    Each day is compared with the same weekday a week before, so that the rhythm of the week is no trend. The slope is
    the median of these relative changes, times the median rate. It counts when all weekdays agree on its direction,
    also after the likeness of neighbouring days is allowed for, and it is 1.8 times beyond any slope of the normal
    windows and would take away or add `growth` of the rate within 30 days; it is a breach when it counts on two of the
    last three days. What changes at once is `volume`'s.
    """

    name: ClassVar[str] = "throughput"
    question: ClassVar[str] = "Does the rate of predictions fade or swell from day to day?"
    advice: ClassVar[str] = (
        "Fading: ask which callers leave or fail more often; swelling: whether the service can bear it in a month."
    )
    tasks: ClassVar[frozenset[Task]] = EVERY_TASK
    fixed_subjects: ClassVar[frozenset[str]] = frozenset({""})

    growth: float = 0.4
    """Part of the rate that is gained or lost within 30 days below which a slope is never worth an alarm."""
    margin: float = 1.8
    """How far beyond the steepest slope of the normal windows a slope must be."""

    def evaluate(self, case: Case) -> Iterator[Measurement]:
        # As in `volume`, the very first window is not known: production hardly ever began at its beginning.
        windows = normal_windows(case, lambda series: np.arange(len(series)) > 0, production=True)
        usual = windows.series.outcomes.rows
        steepest = _steepest(_daily_rates(usual, case.model.window, range(len(usual))))
        began = len(case.early) > 0 and case.windows[0] == case.early.windows[0]
        days = _daily_rates(case.rows, case.model.window, range(case.first, len(case.windows)), first=int(began))
        share = max(self.growth / AHEAD_DAYS, self.margin * steepest)
        for window, rates in zip(case.judged, days, strict=True):
            found = self._verdict(case, window, rates, share)
            yield no_fault(case, windows, found) if found.outcome is Outcome.OK else found

    def _verdict(self, case: Case, window: int, rates: FloatArray, share: float) -> Measurement:
        """The verdict on the rates [DAYS] up to the end of the window; the limit is this `share` of the rate a day."""
        untold = Measurement(
            self.name, "", case.windows[window], "weekday_slope_per_second_per_day", Outcome.NOT_EVALUATED, normal=0.0
        )
        found = _trend(rates[-LAST_DAYS:])
        if isinstance(found, str):
            return replace(untold, reason=found)
        earlier = [_trend(rates[OF - 1 - ago : -ago]) for ago in range(1, OF)]
        beyond = sum(not isinstance(one, str) and one.beyond(share) for one in earlier)
        breach = found.beyond(share) and beyond + 1 >= NEEDED
        return replace(
            untold,
            outcome=Outcome.BREACH if breach else Outcome.OK,
            value=found.slope,
            limit=float(np.copysign(share * found.level, found.slope)),
            lower=found.lower,
            upper=found.upper,
            reason=found.in_words() if breach else "",
        )


class _RateTrend(NamedTuple):
    """A slope and its interval, in predictions per second per day, of a rate of so many predictions per second."""

    slope: float
    lower: float
    upper: float
    level: float

    def beyond(self, share: float) -> bool:
        return abs(self.slope) > share * self.level and (self.lower > 0 or self.upper < 0)

    def in_words(self) -> str:
        direction = "falls" if self.slope < 0 else "grows"
        return f"the rate {direction} by {abs(self.slope) / self.level:.1%} a day, on every day of the week"


def _trend(rates: FloatArray) -> _RateTrend | str:
    """The trend of the rates of [LAST_DAYS] days, or why there is none to tell."""
    changes = _weekday_changes(rates)
    seen = int(np.isfinite(changes).sum())
    if seen < FEWEST_WEEKDAYS:
        found = f"{seen} of {DAYS_OF_WEEK} weekdays had traffic and are known twice in the last {LAST_DAYS} days"
        return f"{found}, {FEWEST_WEEKDAYS} are needed"
    if rates[-1] * SECONDS_A_DAY < ENOUGH_ROWS:
        return too_few("predictions", rates[-1] * SECONDS_A_DAY)
    level = float(np.median(rates[rates > 0]))
    return _RateTrend(*trend_of_changes(level * changes[np.isfinite(changes)]), level)


def _daily_rates(rows: IntArray, length: WindowLength, ends: range, first: int = 0) -> FloatArray:
    """[ends, DAYS] predictions per second of each 24 hours up to the end of these windows; NaN where not known."""
    days = last_days(rows, length, ends, days=DAYS, first=first)
    return np.where(days.known, days.counts / SECONDS_A_DAY, np.nan)


def _weekday_changes(rates: FloatArray) -> FloatArray:
    """[..., DAYS_OF_WEEK] change per day from each weekday to the next of its kind, as part of their mean.

    So a quiet Sunday says as much as a busy Monday. NaN where neither had traffic, or one is not known.
    """
    before, after = rates[..., :DAYS_OF_WEEK], rates[..., DAYS_OF_WEEK:]
    middle = (before + after) / 2
    untold = np.full(middle.shape, np.nan)
    return np.asarray(np.divide(after - before, DAYS_OF_WEEK * middle, out=untold, where=middle > 0))


def _steepest(rates: FloatArray) -> float:
    """The largest slope of normal days [R, DAYS], up or down, as part of the rate; 0 where none is known.

    Hourly models have none: their normal windows are less than two weeks.
    """
    changes = _weekday_changes(rates[:, -LAST_DAYS:])
    known = changes[np.isfinite(changes).sum(axis=1) >= FEWEST_WEEKDAYS]
    return float(np.max(np.abs(np.nanmedian(known, axis=1)), initial=0.0))


PLUGIN = Throughput()
