"""Do the scores still mean what they meant?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from app.core.case import CLASSIFICATION, ENOUGH_ROWS, Case, positives_by_bin
from app.core.judgement import (
    NO_LABELS,
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
)
from app.core.labels import missing_labels
from app.core.model import Measurement, Task
from app.core.profile import WRONG, FloatArray, IntArray, OutcomeCounts
from app.core.stats.arrays import ratio
from app.core.stats.calibration import expected_calibration_error
from app.core.stats.distances import merge_bins

GROUPS = 10
"""Score bins are merged into so many groups of about equal size, or the error would be chance alone."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Expected calibration error: the mean gap, over labelled rows, between what is true and what the reference's
    calibration expects of such scores (binary: of the positive class; multiclass: of being wrong).
    """

    name: ClassVar[str] = "calibration"
    question: ClassVar[str] = "Do the scores still mean what they meant?"
    advice: ClassVar[str] = (
        "Calibrate the scores anew on recent labels, or move the threshold; retrain if accuracy fell, too."
    )
    tasks: ClassVar[frozenset[Task]] = CLASSIFICATION
    by_season: ClassVar[bool] = True

    floor: float = 0.01

    def evaluate(self, case: Case) -> Iterator[Measurement]:
        if case.calibration is None or case.probability_of_error is None:
            why = NO_REFERENCE if case.calibration is None else NO_LABELS
            yield from cannot_tell(case, self.name, "expected_calibration_error", why)
            return
        yield from judge_by_season(case, self._questions)

    def _questions(self, case: Case) -> Iterator[Question]:
        assert case.calibration is not None
        reasons = missing_labels(case)
        windows = normal_windows(case, lambda series: _counts(case, series.outcomes)[1].sum(axis=-1) >= ENOUGH_ROWS)
        values, rows = _errors(case, case.outcomes, case.calibration)
        usual, usual_rows = _errors(case, windows.series.outcomes, case.calibration)
        readings = Readings(
            self.name,
            "expected_calibration_error",
            [""],
            values=values,
            why_not=lambda window, _subject: reasons[window] or "the labelled rows have no score",
            rows=rows.astype(np.float64),
            withheld=np.array([bool(reason) for reason in reasons])[:, None],
        )
        rule = Rule(self.floor, Harm.HIGHER, distance=True, span=SHARE)
        yield Question(readings, learn(windows, usual, usual_rows), rule)


def _counts(case: Case, outcomes: OutcomeCounts) -> tuple[IntArray, IntArray]:
    """Labelled rows of which something is true, and all of them, by what decides how probable that is; [W, cells]."""
    if case.probability_of_positive is not None:
        return positives_by_bin(outcomes)
    cells = outcomes.outcomes[..., :-1]
    flat = (*cells.shape[:-3], cells.shape[-3] * cells.shape[-1])
    return cells[..., WRONG, :].reshape(flat), cells.sum(axis=-2).reshape(flat)


def _errors(case: Case, outcomes: OutcomeCounts, reference: OutcomeCounts) -> tuple[FloatArray, IntArray]:
    """[W, 1] the error, NaN where too few rows have a label and a score; and these rows."""
    chance = case.probability_of_positive if case.probability_of_positive is not None else case.probability_of_error
    assert chance is not None
    order = np.argsort(chance.ravel(), kind="stable")
    expected = chance.ravel()[order]
    true, totals = (counts[..., order] for counts in _counts(case, outcomes))
    usual = _counts(case, reference)[1][..., order]
    seen, _ = merge_bins(true, usual, GROUPS)
    rows, _ = merge_bins(totals, usual, GROUPS)
    hoped, _ = merge_bins(totals * expected, usual, GROUPS)
    found = totals.sum(axis=-1)
    error = expected_calibration_error(seen, rows, np.nan_to_num(ratio(hoped, rows)))
    return np.where(found >= ENOUGH_ROWS, error, np.nan)[:, None], found[:, None]


PLUGIN = Calibration()
