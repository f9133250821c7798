"""How often do people correct the model, and what is its true error rate?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from app.core.case import ENOUGH_ROWS, EVERY_TASK, BoolArray, Case
from app.core.distances import enough_rows
from app.core.judgement import OF, SHARE, Harm, Readings, Rule, judge, learn, normal_windows, too_few
from app.core.labels import labelled, realised_quality
from app.core.model import Measurement, Task
from app.core.profile import CORRECTED, RIGHT, SHOWN, WRONG, FloatArray, IntArray, OutcomeCounts
from app.core.stats.performance import error_rate_with_audit

AUDIT_WINDOWS = 30
"""Audits are few: the true error rate is estimated over this many windows up to the judged one."""

SUBJECTS = {"shown": "predictions shown to people", "predictions": "predictions"}
"""What the corrected share is taken of."""


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
        for subject in SUBJECTS:
            yield from self._rate(case, subject)
        if case.layout.task is not Task.REGRESSION:
            yield from self._audited(case)

    def _rate(self, case: Case, subject: str) -> Iterator[Measurement]:
        windows = normal_windows(case, lambda series: _plausible(series.outcomes, subject), production=True)
        base, usual = _base(case.outcomes, subject), windows.series.outcomes
        readings = Readings(
            self.name,
            f"corrected_share_of_{subject}",
            [subject],
            values=_share(case.outcomes, subject),
            why_not=lambda window, _subject: _why_no_share(case.outcomes, subject, window),
            sharing=_subjects(case),
            rows=base.astype(np.float64)[:, None],
        )
        normal = learn(windows, _share(usual, subject), _base(usual, subject)[:, None])
        yield from judge(case, readings, normal, Rule(self.floor, Harm.HIGHER, span=SHARE))

    def _audited(self, case: Case) -> Iterator[Measurement]:
        start = max(0, case.first - (OF - 1))  # the rule looks at the windows before, too
        estimates, audits = _audited_error(case, start)
        windows = normal_windows(case, lambda series: labelled(series.outcomes) >= ENOUGH_ROWS)
        usual = 1 - realised_quality(case.layout.task, windows.series.outcomes)["accuracy"]
        readings = Readings(
            self.name,
            f"prediction_powered_error_{AUDIT_WINDOWS}_windows",
            ["audited_error"],
            values=estimates[:, :1],
            why_not=lambda row, _subject: (
                f"{audits[row]} audits in the last {AUDIT_WINDOWS} windows, at least {ENOUGH_ROWS} are needed: "
                "send reviews of randomly chosen predictions as corrections with source audit"
            ),
            start=start,
            sharing=_subjects(case),
            lower=estimates[:, 1:2],
            upper=estimates[:, 2:],
        )
        yield from judge(case, readings, learn(windows, usual[:, None]), Rule(self.floor, Harm.HIGHER, span=SHARE))


def _subjects(case: Case) -> int:
    return len(SUBJECTS) + (case.layout.task is not Task.REGRESSION)


def _base(outcomes: OutcomeCounts, subject: str) -> IntArray:
    """[W] what the share is taken of; predictions count only where people corrected or saw any."""
    shown = outcomes.review[..., SHOWN]
    if subject == "shown":
        return np.asarray(shown)
    reviewed = (shown + outcomes.review[..., CORRECTED]) > 0
    return np.where(reviewed, outcomes.rows, 0)


def _plausible(outcomes: OutcomeCounts, subject: str) -> BoolArray:
    """[W] whether the share means something: of enough, and no more corrected than there were to correct."""
    base = _base(outcomes, subject)
    return np.asarray(enough_rows(base) & (outcomes.review[..., CORRECTED] <= base))


def _share(outcomes: OutcomeCounts, subject: str) -> FloatArray:
    """[W, 1]"""
    share = outcomes.review[..., CORRECTED] / np.maximum(_base(outcomes, subject), 1)
    return np.where(_plausible(outcomes, subject), share, np.nan)[:, None]


def _why_no_share(outcomes: OutcomeCounts, subject: str, window: int) -> str:
    base, corrected = int(_base(outcomes, subject)[window]), int(outcomes.review[window, CORRECTED])
    if base == 0:
        return "no prediction was shown to people or corrected in this window"
    if base < ENOUGH_ROWS:
        return too_few(SUBJECTS[subject], base)
    return f"{corrected} corrections of {base} {SUBJECTS[subject]}: send shown=true with what people were shown"


def _audited_error(case: Case, start: int) -> tuple[FloatArray, IntArray]:
    """Value, lower and upper end [W - start, 3], NaN where there are too few audits; and the audits behind each."""
    cells = case.outcomes.audits.shape[1:]
    chance = np.zeros((cells[0], cells[2]))
    if case.probability_of_error is not None:
        # Any guess gives a correct interval, a good one a short one; nothing is known of predictions without a score.
        chance[:, :-1] = case.probability_of_error
        chance[:, -1] = case.probability_of_error.mean()
    predicted = _pooled(case.outcomes.predicted, start)
    audits = _pooled(case.outcomes.audits, start)
    counts = audits.sum(axis=(1, 2, 3))
    estimates = np.full((len(counts), 3), np.nan)
    for row in np.flatnonzero(counts >= ENOUGH_ROWS):
        estimates[row] = error_rate_with_audit(predicted[row], audits[row, :, RIGHT], audits[row, :, WRONG], chance)
    return estimates, counts


def _pooled(counts: IntArray, start: int) -> IntArray:
    """Sums over the AUDIT_WINDOWS windows up to each one, from window `start` on."""
    return np.stack(
        [counts[max(0, end - AUDIT_WINDOWS) : end].sum(axis=0) for end in range(start + 1, len(counts) + 1)]
    )


PLUGIN = CorrectionRate()
