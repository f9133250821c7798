"""Are values missing that used to be there?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from app.core.case import EVERY_TASK, Case
from app.core.distances import enough_rows
from app.core.judgement import (
    NO_REFERENCE,
    SHARE,
    Harm,
    Question,
    Readings,
    Rule,
    cannot_tell,
    judge_by_season,
    learn,
    normal_windows,
    too_few,
)
from app.core.model import Measurement, Task
from app.core.profile import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class MissingValues:
    """Share of predictions in which the feature is absent or null; NaN and infinities are no missing values."""

    name: ClassVar[str] = "missing_values"
    question: ClassVar[str] = "Are values missing that used to be there?"
    advice: ClassVar[str] = "Look for a source, join or default that was lost before this feature reaches the model."
    tasks: ClassVar[frozenset[Task]] = EVERY_TASK
    by_season: ClassVar[bool] = True

    floor: float = 0.01

    def evaluate(self, case: Case) -> Iterator[Measurement]:
        if not case.layout.feature_names:
            why = NO_REFERENCE if case.calibration is None else "the reference has no features to compare with"
            yield from cannot_tell(case, self.name, "missing_share", why)
            return
        yield from judge_by_season(case, self._questions)

    def _questions(self, case: Case) -> Iterator[Question]:
        names = case.layout.feature_names
        windows = normal_windows(case, lambda series: enough_rows(series.outcomes.rows))
        rows = case.rows[case.rule_start :]
        readings = Readings(
            self.name,
            "missing_share",
            names,
            values=_missing_share(case.features_from(case.rule_start).missing(case.layout), rows),
            why_not=lambda window, _subject: too_few("predictions", rows[window]),
            start=case.rule_start,
            rows=np.broadcast_to(rows[:, None], (rows.size, len(names))).astype(np.float64),
        )
        usual = windows.series
        usual_rows = usual.outcomes.rows
        normal = learn(windows, _missing_share(usual.features.missing(case.layout), usual_rows), usual_rows[:, None])
        yield Question(readings, normal, Rule(self.floor, Harm.HIGHER, span=SHARE))


def _missing_share(missing: IntArray, rows: IntArray) -> FloatArray:
    """[W, N] share of missing values; NaN where a window is too small to tell."""
    share = missing / np.maximum(rows, 1)[:, None]
    return np.where(enough_rows(rows)[:, None], share, np.nan)


PLUGIN = MissingValues()
