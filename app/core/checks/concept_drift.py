"""Has the relation between score and truth changed?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from app.core.case import CLASSIFICATION, ENOUGH_ROWS, ENOUGH_WINDOWS, Case, positives_by_bin
from app.core.judgement import NO_LABELS, NO_REFERENCE, ONE_OF_NORMAL, NormalWindows, learning_reason, normal_windows
from app.core.labels import labelled, missing_labels
from app.core.model import Measurement, Outcome, Task
from app.core.overrides import Override
from app.core.profile import WRONG, FloatArray, OutcomeCounts
from app.core.stats.sequential import error_residual, level_residual, shiryaev_roberts, standardise

RESIDUALS = ("error", "level")
ROOM = 1000.0
"""One component at so many times the alarm puts the mean of all sixteen far beyond it. Letting it grow on would find
nothing sooner, and would keep the alarm up for years after the drift has ended."""


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
    """The least that the evidence must reach."""

    def evaluate(self, case: Case) -> Iterator[Measurement]:
        windows = normal_windows(case, lambda series: labelled(series.outcomes) >= ENOUGH_ROWS)
        reasons = _reasons(case, windows)
        u = _standardised(case, windows, reasons)
        # At the alarm A, a model without drift alarms once in A windows at the most: the budget sets A directly.
        alarm = max(self.alarm, case.shares / case.allowed_rate)
        evidence = shiryaev_roberts(u, ceiling=ROOM * alarm).mean(axis=1)
        for window in case.judged:
            found = case.override(self.name, "", window)
            limit = alarm if found is None else found.limit
            measured = self._measurement(case, window, reasons[window], float(evidence[window]), limit, u[window])
            yield measured if found is None else _set_by(measured, found)

    def _measurement(
        self, case: Case, window: int, reason: str, evidence: float, alarm: float, u: FloatArray
    ) -> Measurement:
        told = not reason and bool(np.isfinite(u).any())
        drifts = told and evidence > alarm
        if drifts:
            reason = "the truth no longer follows the score: " + ", ".join(
                f"{name} {value:+.1f} sd" for name, value in zip(RESIDUALS, u.tolist(), strict=False)
            )
        return Measurement(
            check=self.name,
            subject="",
            window=case.windows[window],
            statistic="shiryaev_roberts",
            outcome=Outcome.NOT_EVALUATED if not told else Outcome.BREACH if drifts else Outcome.OK,
            value=evidence if told else None,
            limit=alarm,
            reason=reason if reason or told else "the scores of the labelled rows leave no room for variation",
            expected_rate=1 / alarm if alarm > 1 else None,
        )


def _set_by(found: Measurement, override: Override) -> Measurement:
    return replace(found, reason="; ".join(part for part in (found.reason, override.words) if part))


def _reasons(case: Case, windows: NormalWindows) -> list[str]:
    """[W] why a window cannot be judged; "" where it can."""
    if case.probability_of_error is None:
        return [NO_REFERENCE if case.calibration is None else NO_LABELS] * len(case.windows)
    if len(windows.series) < ENOUGH_WINDOWS:
        return [learning_reason(case, windows, len(windows.series))] * len(case.windows)
    until = windows.learnt_until
    return [
        ONE_OF_NORMAL if until and window.start < until else reason
        for window, reason in zip(case.windows, missing_labels(case), strict=True)
    ]


def _standardised(case: Case, windows: NormalWindows, reasons: list[str]) -> FloatArray:
    """[W, residuals] in units of the normal windows' own variation; NaN where there is a reason against it."""
    judged = np.array([not reason for reason in reasons], dtype=np.bool_)
    if not judged.any():
        return np.full((len(reasons), 1), np.nan)
    u = standardise(_residuals(case, case.outcomes), _residuals(case, windows.series.outcomes))
    return np.where(judged[:, None], u, np.nan)


def _residuals(case: Case, outcomes: OutcomeCounts) -> FloatArray:
    """[W, 1 or 2] in binomial sds: the error's and, for a binary model, the level's."""
    cells = outcomes.outcomes[..., :-1]
    flat = (len(cells), -1)
    wrong, totals = cells[:, :, WRONG].reshape(flat), cells.sum(axis=2).reshape(flat)
    assert case.probability_of_error is not None
    error = error_residual(wrong, totals, case.probability_of_error.ravel())
    if case.probability_of_positive is None:
        return error[:, None]
    positives, all_labelled = positives_by_bin(outcomes)
    return np.stack([error, level_residual(positives, all_labelled, case.probability_of_positive)], axis=1)


PLUGIN = ConceptDrift()
