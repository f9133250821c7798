"""How often do people correct the model, and what is its true error rate?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from app.core.case import ENOUGH_ROWS, EVERY_TASK, Case
from app.core.distances import enough_rows
from app.core.judgement import Harm, Normal, Readings, Rule, judge, normal_windows, too_few
from app.core.labels import labelled, realised_quality
from app.core.model import Measurement, Task
from app.core.profile import CORRECTED, RIGHT, SHOWN, WRONG, FloatArray, IntArray, OutcomeCounts
from app.core.stats.performance import error_rate_with_audit

AUDIT_WINDOWS = 30
"""Audits are few: the true error rate is estimated over this many windows up to the judged one."""


@dataclass(frozen=True, slots=True)
class CorrectionRate:
    """User corrections are a biased choice of rows: they give a rate and a lower bound, never an accuracy.

    `shown`: share of what was shown to people that they corrected. `predictions`: corrected share of everything, a
    lower bound of the error rate. `audited_error`: the true error rate with its 95 % interval, from random audits.
    """

    name: ClassVar[str] = "correction_rate"
    question: ClassVar[str] = "How often do people correct the model, and what is its true error rate?"
    advice: ClassVar[str] = "Read the corrected rows: they say where the model fails, and are labels to train on."
    tasks: ClassVar[frozenset[Task]] = EVERY_TASK

    floor: float = 0.01

    def evaluate(self, case: Case) -> Iterator[Measurement]:
        yield from self._rate(case, "shown", "corrected_share_of_shown", "predictions shown to people")
        yield from self._rate(case, "predictions", "corrected_share_of_predictions", "predictions")
        if case.layout.task is not Task.REGRESSION:
            yield from self._audited(case)

    def _rate(self, case: Case, subject: str, statistic: str, what: str) -> Iterator[Measurement]:
        series, learnt_until = normal_windows(
            case, lambda windows: enough_rows(_base(windows.outcomes, subject)), production=True
        )
        base, usual_base = _base(case.outcomes, subject), _base(series.outcomes, subject)
        readings = Readings(
            self.name,
            statistic,
            [subject],
            values=_share(case.outcomes, base),
            why_not=lambda window, _subject: too_few(what, base[window]),
            rows=base.astype(np.float64)[:, None],
        )
        smallest = float(usual_base.min()) if usual_base.size else 0.0
        normal = Normal(_share(series.outcomes, usual_base), np.array([smallest]), learnt_until)
        yield from judge(case, readings, normal, Rule(self.floor, Harm.HIGHER))

    def _audited(self, case: Case) -> Iterator[Measurement]:
        values, lower, upper, audits = _audited_error(case)
        series, learnt_until = normal_windows(case, lambda windows: labelled(windows.outcomes) >= ENOUGH_ROWS)
        usual = 1 - realised_quality(case.layout.task, series.outcomes)["accuracy"]
        readings = Readings(
            self.name,
            f"prediction_powered_error_{AUDIT_WINDOWS}_windows",
            ["audited_error"],
            values=values,
            why_not=lambda window, _subject: too_few(f"audits in the last {AUDIT_WINDOWS} windows", audits[window]),
            lower=lower,
            upper=upper,
        )
        yield from judge(
            case, readings, Normal(usual[:, None], np.zeros(1), learnt_until), Rule(self.floor, Harm.HIGHER)
        )


def _base(outcomes: OutcomeCounts, subject: str) -> IntArray:
    """[W] what the share is taken of; predictions count only where people corrected or saw any."""
    shown = outcomes.review[..., SHOWN]
    if subject == "shown":
        return np.asarray(shown)
    reviewed = (shown + outcomes.review[..., CORRECTED]) > 0
    return np.where(reviewed, outcomes.rows, 0)


def _share(outcomes: OutcomeCounts, base: IntArray) -> FloatArray:
    corrected = outcomes.review[..., CORRECTED]
    return np.where(enough_rows(base), corrected / np.maximum(base, 1), np.nan)[:, None]


def _audited_error(case: Case) -> tuple[FloatArray, FloatArray, FloatArray, IntArray]:
    """Estimate, lower and upper end [W, 1], and the audits behind each [W]; NaN where there are too few."""
    values = np.full((3, len(case.windows)), np.nan)
    audits = np.zeros(len(case.windows), np.int64)
    chance = case.probability_of_error
    for window in case.judged:
        pooled = case.outcomes[slice(max(0, window - AUDIT_WINDOWS + 1), window + 1)].sum()
        audits[window] = pooled.audits[..., :-1].sum()
        if chance is not None and audits[window] >= ENOUGH_ROWS:
            values[:, window] = error_rate_with_audit(
                pooled.predicted[..., :-1], pooled.audits[:, RIGHT, :-1], pooled.audits[:, WRONG, :-1], chance
            )
    return values[0][:, None], values[1][:, None], values[2][:, None], audits


PLUGIN = CorrectionRate()
