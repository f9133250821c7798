"""Has the relation between score and truth changed?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from app.core.case import CLASSIFICATION, ENOUGH_ROWS, ENOUGH_WINDOWS, Case, Series, positives_by_bin
from app.core.checks.estimated_performance import NO_LABELS, NO_REFERENCE
from app.core.judgement import learning_reason, normal_windows
from app.core.labels import labelled, missing_labels
from app.core.model import Measurement, Outcome, Task
from app.core.profile import WRONG, FloatArray, OutcomeCounts
from app.core.stats.sequential import error_residual, level_residual, shiryaev_roberts, standardise

RESIDUALS = ("level", "error")


@dataclass(frozen=True, slots=True)
class ConceptDrift:
    """Shiryaev-Roberts e-detector on two standardised calibration residuals, each blind to what the other sees:
    `level`, a net shift of the truth, and `error`, a truth that moved towards noise.
    """

    name: ClassVar[str] = "concept_drift"
    question: ClassVar[str] = "Has the relation between score and truth changed?"
    advice: ClassVar[str] = "The same inputs now mean something else: retrain on recent labels."
    tasks: ClassVar[frozenset[Task]] = CLASSIFICATION

    alarm: float = 1000.0

    def evaluate(self, case: Case) -> Iterator[Measurement]:
        series, learnt_until = normal_windows(case, lambda windows: labelled(windows.outcomes) >= ENOUGH_ROWS)
        reasons = missing_labels(case)
        if learnt_until is not None:
            reasons = [
                reason or ("learning: normal is learnt from this window" if window.start < learnt_until else "")
                for window, reason in zip(case.windows, reasons, strict=True)
            ]
        reasons = [_untold(case, series) or reason for reason in reasons]
        u = _standardised(case, series)
        u[np.array([bool(reason) for reason in reasons])] = np.nan
        evidence = shiryaev_roberts(u).mean(axis=1)
        for window in case.judged:
            yield self._measurement(case, window, reasons[window], float(evidence[window]), u[window])

    def _measurement(self, case: Case, window: int, reason: str, evidence: float, u: FloatArray) -> Measurement:
        drifts = evidence > self.alarm
        told = not reason and bool(np.isfinite(u).any())
        if told and drifts:
            reason = "since some windows ago " + " and ".join(
                f"the {name} residual is {value:+.1f} sd" for name, value in zip(RESIDUALS, u, strict=True)
            )
        return Measurement(
            check=self.name,
            subject="",
            window=case.windows[window],
            statistic="shiryaev_roberts",
            outcome=Outcome.NOT_EVALUATED if not told else Outcome.BREACH if drifts else Outcome.OK,
            value=evidence if told else None,
            limit=self.alarm,
            reason=reason if reason or told else "the expected error leaves no room for variation",
            expected_rate=1 / self.alarm,
        )


def _untold(case: Case, series: Series) -> str:
    """Why no window can be judged at all; "" when they can."""
    if case.probability_of_error is None:
        return NO_REFERENCE if case.calibration is None else NO_LABELS
    return "" if len(series) >= ENOUGH_WINDOWS else learning_reason(case, len(series))


def _standardised(case: Case, series: Series) -> FloatArray:
    """[W, 2] both residuals in units of the reference's own variation; NaN where they cannot be told."""
    if case.probability_of_error is None or len(series) < ENOUGH_WINDOWS:
        return np.full((len(case.windows), len(RESIDUALS)), np.nan)
    return standardise(_residuals(case, case.outcomes), _residuals(case, series.outcomes))


def _residuals(case: Case, outcomes: OutcomeCounts) -> FloatArray:
    """[W, 2] in binomial sds; multiclass has no level, and its error stands for both."""
    cells = outcomes.outcomes[..., :-1]
    flat = (len(cells), -1)
    wrong, totals = cells[:, :, WRONG].reshape(flat), cells.sum(axis=2).reshape(flat)
    assert case.probability_of_error is not None
    error = error_residual(wrong, totals, case.probability_of_error.ravel())
    if case.probability_of_positive is None:
        return np.stack([error, error], axis=1)
    positives, all_labelled = positives_by_bin(outcomes)
    return np.stack([level_residual(positives, all_labelled, case.probability_of_positive), error], axis=1)


PLUGIN = ConceptDrift()
