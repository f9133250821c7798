"""Does this window look like the recent ones?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from app.core.case import ENOUGH_WINDOWS, EVERY_TASK, FEATURE_LOOKBACK, BoolArray, Case
from app.core.distances import KINDS, Distance, Outlines, enough_rows
from app.core.judgement import (
    NO_REFERENCE,
    Harm,
    Readings,
    Rule,
    cannot_tell,
    judge,
    learn,
    normal_windows,
    too_few,
)
from app.core.model import Measurement, Task
from app.core.profile import FloatArray, IntArray
from app.core.stats.limits import learnt_limit

RECENT_WINDOWS = ENOUGH_WINDOWS
FEWEST_WINDOWS = 10
"""Recent windows below which they are no baseline."""


@dataclass(frozen=True, slots=True)
class DataDrift:
    """Distance of a window from the 30 before it, leaving out those that stand apart themselves.

    The distances and their limits are those of training_serving_skew: learnt from the reference's windows, so that a
    slow drift cannot teach them to be wider. What has changed for good is skew forever, and drift for about two weeks.
    """

    name: ClassVar[str] = "data_drift"
    question: ClassVar[str] = "Does a feature look as it did in the recent windows?"
    advice: ClassVar[str] = "Look for what changed at that time: a release, a source of data, a new group of users."
    tasks: ClassVar[frozenset[Task]] = EVERY_TASK
    feature_lookback: ClassVar[int] = RECENT_WINDOWS + FEATURE_LOOKBACK

    floor: float = 0.1

    def evaluate(self, case: Case) -> Iterator[Measurement]:
        kinds = [kind for kind in KINDS if kind.names(case.layout)]
        if not kinds:
            why = NO_REFERENCE if case.calibration is None else "the reference has no features to compare with"
            yield from cannot_tell(case, self.name, "distance", why)
            return
        for kind in kinds:
            yield from self._judge(case, kind)

    def _judge(self, case: Case, distance: Distance) -> Iterator[Measurement]:
        windows = normal_windows(case, lambda series: enough_rows(series.outcomes.rows))
        usual = windows.series
        usual_rows = distance.rows(usual.features)
        apart = usual.once(distance.statistic, lambda: distance.leave_one_out(case.layout, usual.features))
        normal = learn(windows, np.where(enough_rows(usual_rows), apart, np.nan), usual_rows)
        rule = Rule(self.floor, Harm.HIGHER, distance=True)
        values, found = _distances(case, distance, _limits(normal.values, self.floor))
        rows = distance.rows(case.features_from(case.rule_start))
        readings = Readings(
            self.name,
            distance.statistic,
            distance.names(case.layout),
            values=np.where(enough_rows(rows), values, np.nan),
            why_not=lambda window, subject: _why_not(rows[window, subject], found[window, subject]),
            start=case.rule_start,
            sharing=sum(len(kind.names(case.layout)) for kind in KINDS),
            rows=rows.astype(np.float64),
        )
        yield from judge(case, readings, normal, rule)


def _limits(apart: FloatArray, floor: float) -> FloatArray:
    """[S] what counts as standing apart; infinite while nothing is normal yet."""
    if not len(apart):
        return np.full(apart.shape[1], np.inf)
    limits = learnt_limit(apart, floor=floor)
    return np.where(np.isfinite(limits), limits, np.inf)


def _distances(case: Case, distance: Distance, limits: FloatArray) -> tuple[FloatArray, IntArray]:
    """[W - rule_start, S] distances from the recent windows, NaN where these are too few; and how many there are."""
    rows, outlines = distance.rows(case.features), distance.outlines(case.layout, case.features)
    values, found = [], []
    for window in range(case.rule_start, len(case.windows)):
        first = max(case.first_features, window - RECENT_WINDOWS)
        recent = slice(first - case.first_features, window - case.first_features)
        found.append(enough_rows(rows[recent]).sum(axis=0))
        told = found[-1] >= FEWEST_WINDOWS
        apart = np.full(told.size, np.nan)
        if told.any():
            kept = _agreeing(distance, outlines[recent], rows[recent], limits)
            baseline = distance.pool(case.features[recent], kept)
            apart = distance.between(case.layout, case.features_from(window, window + 1), baseline)[0]
        values.append(np.where(told, apart, np.nan))
    return np.stack(values), np.stack(found)


def _agreeing(distance: Distance, outlines: Outlines, rows: IntArray, limits: FloatArray) -> BoolArray:
    """[L, S] which of L windows make the baseline: the farthest from their pool leaves, while one is beyond the limit.

    At least half of those with enough rows stay: where everything is odd, nothing is. Windows that belong to a normal
    rhythm (weekends) all stay, since the limit was learnt from windows that kept the same rhythm.
    """
    kept = enough_rows(rows)
    least = (kept.sum(axis=0) + 1) // 2
    subjects = np.arange(limits.size)
    while subjects.size:
        here = kept[:, subjects]
        weights = np.where(here, rows[:, subjects], 0)
        weights = (weights / np.maximum(weights.sum(axis=0), 1)).astype(outlines.dtype)
        pool = np.einsum("ls,lsb->sb", weights, outlines[:, subjects])
        apart = np.where(here, distance.roughly(outlines[:, subjects], pool), -np.inf)
        over = (apart.max(axis=0) > limits[subjects]) & (here.sum(axis=0) > least[subjects])
        kept[apart[:, over].argmax(axis=0), subjects[over]] = False
        subjects = subjects[over]
    return kept


def _why_not(rows: int, windows: int) -> str:
    if rows and windows < FEWEST_WINDOWS:
        return f"{windows} recent windows hold enough values, at least {FEWEST_WINDOWS} are needed"
    return too_few("values", rows)


PLUGIN = DataDrift()
