"""Does a served feature look like training?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from app.core.case import EVERY_TASK, Case
from app.core.distances import KINDS, Distance, enough_rows
from app.core.judgement import Harm, Normal, Readings, Rule, judge, normal_windows, too_few
from app.core.model import Measurement, Task


@dataclass(frozen=True, slots=True)
class TrainingServingSkew:
    """Numeric features: normed Wasserstein distance; categories: Jensen-Shannon distance, base 2."""

    name: ClassVar[str] = "training_serving_skew"
    question: ClassVar[str] = "Does a served feature look like training?"
    advice: ClassVar[str] = (
        "Compare the feature's pipeline in training and in serving; if the world has moved, retrain on newer rows."
    )
    tasks: ClassVar[frozenset[Task]] = EVERY_TASK

    floor: float = 0.1

    def evaluate(self, case: Case) -> Iterator[Measurement]:
        for distance in KINDS:
            if case.calibration is not None and distance.names(case.layout):
                yield from self._judge(case, distance)

    def _judge(self, case: Case, distance: Distance) -> Iterator[Measurement]:
        series, learnt_until = normal_windows(case, lambda windows: enough_rows(windows.outcomes.rows))
        rows, normal_rows = distance.rows(case.features), distance.rows(series.features)
        served = distance.between(case.layout, case.features, series.features.sum())
        readings = Readings(
            self.name,
            distance.statistic,
            distance.names(case.layout),
            values=np.where(enough_rows(rows), served, np.nan),
            why_not=lambda window, subject: too_few("values", rows[window, subject]),
            start=case.first_features,
            rows=rows.astype(np.float64),
        )
        own = np.where(enough_rows(normal_rows), distance.leave_one_out(case.layout, series.features), np.nan)
        smallest = np.where(enough_rows(normal_rows), normal_rows, np.inf).min(axis=0, initial=np.inf)
        normal = Normal(own, np.where(np.isfinite(smallest), smallest, 0.0), learnt_until)
        yield from judge(case, readings, normal, Rule(self.floor, Harm.HIGHER, distance=True))


PLUGIN = TrainingServingSkew()
