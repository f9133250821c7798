"""How good are the predictions probably, before any truth is known?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from app.core.case import CLASSIFICATION, Case
from app.core.distances import enough_rows
from app.core.judgement import (
    NO_LABELS,
    NO_REFERENCE,
    SHARE,
    Harm,
    Readings,
    Rule,
    judge,
    learn,
    normal_windows,
    too_few,
)
from app.core.model import Measurement, Task
from app.core.profile import FloatArray, IntArray, OutcomeCounts
from app.core.stats.performance import (
    NORMAL_95,
    accuracy_sampling_sd,
    estimate_binary,
    estimate_multiclass_accuracy,
)


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
        windows = normal_windows(case, lambda series: enough_rows(_scored(series.outcomes)))
        usual = _estimates(case, windows.series.outcomes)
        usual_scored, scored = _scored(windows.series.outcomes), _scored(case.outcomes)
        half = NORMAL_95 * _accuracy_sd(case)
        for measure, values in _estimates(case, case.outcomes).items():
            exact = measure == "accuracy"
            readings = Readings(
                self.name,
                f"estimated_{measure}",
                [measure],
                values=values[:, None],
                why_not=lambda window, _subject: _why_not(case, int(scored[window])),
                rows=scored.astype(np.float64)[:, None],
                lower=np.clip(values - half, 0, 1)[:, None] if exact else None,
                upper=np.clip(values + half, 0, 1)[:, None] if exact else None,
            )
            normal = learn(windows, usual[measure][:, None], usual_scored[:, None])
            yield from judge(case, readings, normal, Rule(self.floor, Harm.LOWER, span=SHARE))


def _scored(outcomes: OutcomeCounts) -> IntArray:
    return np.asarray(outcomes.predicted[..., :-1].sum(axis=(-2, -1)))


def _estimates(case: Case, outcomes: OutcomeCounts) -> dict[str, FloatArray]:
    """Each measure [W]; NaN where too few predictions have a score, or the reference cannot calibrate any."""
    counts = outcomes.predicted[..., :-1]
    if case.probability_of_error is None:
        return {"accuracy": np.full(len(counts), np.nan)}
    if case.probability_of_positive is not None:
        estimates = estimate_binary(counts, case.probability_of_positive)
    else:
        estimates = {"accuracy": estimate_multiclass_accuracy(counts, 1 - case.probability_of_error)}
    enough = enough_rows(_scored(outcomes))
    return {measure: np.where(enough, values, np.nan) for measure, values in estimates.items()}


def _why_not(case: Case, scored: int) -> str:
    if case.calibration is None:
        return NO_REFERENCE
    if case.probability_of_error is None:
        return NO_LABELS
    few = not enough_rows(np.array(scored))
    return too_few("predictions with a score", scored) if few else "undefined: every prediction is of one class"


def _accuracy_sd(case: Case) -> FloatArray:
    """[W] sampling sd of the accuracy that independent rows would have."""
    if case.probability_of_positive is None:
        return np.full(len(case.windows), np.nan)
    return accuracy_sampling_sd(case.outcomes.predicted[..., :-1], case.probability_of_positive)


PLUGIN = EstimatedPerformance()
