"""Does a served feature look like training?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from app.core.case import EVERY_TASK, Case
from app.core.distances import KINDS, Distance, enough_rows
from app.core.judgement import (
    NO_REFERENCE,
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


@dataclass(frozen=True, slots=True)
class TrainingServingSkew:
    """Numeric features: normed Wasserstein distance; categories: Jensen-Shannon distance, base 2.

    The value is the distance from the reference; the limit is learnt from the distances of normal windows from each
    other.
    """

    name: ClassVar[str] = "training_serving_skew"
    question: ClassVar[str] = "Does a served feature look like training?"
    advice: ClassVar[str] = (
        "Compare the feature's pipeline in training and in serving; if the world has moved, retrain on newer rows."
    )
    tasks: ClassVar[frozenset[Task]] = EVERY_TASK
    by_season: ClassVar[bool] = True

    floor: float = 0.1

    def evaluate(self, case: Case) -> Iterator[Measurement]:
        kinds = [kind for kind in KINDS if kind.names(case.layout)]
        if case.training is None or not kinds:
            why = NO_REFERENCE if case.training is None else "the reference has no features to compare with"
            yield from cannot_tell(case, self.name, "distance", why)
            return
        for kind in kinds:
            yield from judge_by_season(case, partial(self._questions, kind))

    def _questions(self, distance: Distance, case: Case) -> Iterator[Question]:
        training = case.training
        assert training is not None
        windows = normal_windows(case, lambda series: enough_rows(series.outcomes.rows))
        usual = windows.series
        features = case.features_from(case.rule_start)
        rows, usual_rows = distance.rows(features), distance.rows(usual.features)
        trained = distance.rows(training)
        apart = usual.once(distance.statistic, lambda: distance.leave_one_out(case.layout, usual.features))
        readings = Readings(
            self.name,
            distance.statistic,
            distance.names(case.layout),
            values=np.where(enough_rows(rows), distance.between(case.layout, features, training), np.nan),
            why_not=lambda window, subject: (
                too_few("values", rows[window, subject])
                if trained[subject]
                else "the reference has no value of this feature: store one that has"
            ),
            start=case.rule_start,
            sharing=sum(len(kind.names(case.layout)) for kind in KINDS),
            rows=rows.astype(np.float64),
        )
        normal = learn(windows, np.where(enough_rows(usual_rows), apart, np.nan), usual_rows)
        yield Question(readings, normal, Rule(self.floor, Harm.HIGHER, distance=True))


PLUGIN = TrainingServingSkew()
