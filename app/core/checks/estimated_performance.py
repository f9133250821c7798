"""How good are the predictions probably, before any truth is known?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from app.core.case import CLASSIFICATION, Case
from app.core.distances import enough_rows
from app.core.judgement import Harm, Readings, Rule, judge, learn, normal_windows, too_few
from app.core.model import Measurement, Task
from app.core.profile import FloatArray, IntArray, OutcomeCounts
from app.core.stats.performance import accuracy_sampling_sd, estimate_binary, estimate_multiclass_accuracy

NO_LABELS = "the reference has no labels: store one with a label column to estimate quality from scores"
NO_REFERENCE = "no reference: store the training or validation rows of this version to estimate quality from scores"


@dataclass(frozen=True, slots=True)
class EstimatedPerformance:
    """Confidence-based estimation: calibrated scores say how many predictions should be right.

    It cannot see a change of P(y | score); concept_drift can, once labels come.
    """

    name: ClassVar[str] = "estimated_performance"
    question: ClassVar[str] = "How good are the predictions probably, before any truth is known?"
    advice: ClassVar[str] = "The inputs became harder for this model: see which features moved, and label some rows."
    tasks: ClassVar[frozenset[Task]] = CLASSIFICATION

    floor: float = 0.01

    def evaluate(self, case: Case) -> Iterator[Measurement]:
        scored = _scored(case.outcomes)
        estimates = _estimates(case, case.outcomes)
        series, learnt_until = normal_windows(case, lambda windows: enough_rows(_scored(windows.outcomes)))
        usual = _estimates(case, series.outcomes)
        missing = NO_REFERENCE if case.calibration is None else NO_LABELS if case.probability_of_error is None else ""
        half = 1.96 * _accuracy_sd(case)[:, None]
        for measure, values in estimates.items():
            exact = measure == "accuracy"
            readings = Readings(
                self.name,
                f"estimated_{measure}",
                [measure],
                values=np.where(enough_rows(scored), values, np.nan)[:, None],
                why_not=lambda window, _subject: missing or too_few("predictions with a score", scored[window]),
                rows=scored.astype(np.float64)[:, None],
                lower=np.clip(values[:, None] - half, 0, 1) if exact else None,
                upper=np.clip(values[:, None] + half, 0, 1) if exact else None,
            )
            yield from judge(
                case, readings, learn(usual[measure][:, None], series, learnt_until), Rule(self.floor, Harm.LOWER)
            )


def _scored(outcomes: OutcomeCounts) -> IntArray:
    return np.asarray(outcomes.predicted[..., :-1].sum(axis=(-2, -1)))


def _estimates(case: Case, outcomes: OutcomeCounts) -> dict[str, FloatArray]:
    """Each measure [W]; all NaN where the reference cannot calibrate."""
    counts = outcomes.predicted[..., :-1]
    if case.probability_of_error is None:
        return {"accuracy": np.full(len(counts), np.nan)}
    if case.probability_of_positive is not None:
        return estimate_binary(counts, case.probability_of_positive)
    return {"accuracy": estimate_multiclass_accuracy(counts, 1 - case.probability_of_error)}


def _accuracy_sd(case: Case) -> FloatArray:
    """[W] sampling sd of the accuracy that independent rows would have."""
    if case.probability_of_positive is None:
        return np.full(len(case.windows), np.nan)
    return accuracy_sampling_sd(case.outcomes.predicted[..., :-1], case.probability_of_positive)


PLUGIN = EstimatedPerformance()
