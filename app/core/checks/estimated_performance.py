"""How good are the predictions probably, before any truth is known?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from app.core.case import ENOUGH_ROWS, EVERY_TASK, Case
from app.core.distances import enough_rows
from app.core.judgement import (
    NO_LABELS,
    NO_REFERENCE,
    NormalWindows,
    Question,
    Readings,
    judge_by_season,
    learn,
    normal_windows,
    too_few,
)
from app.core.labels import labelled
from app.core.losses import LEAST_ROWS
from app.core.model import Measurement, Task
from app.core.profile import FloatArray, IntArray, OutcomeCounts
from app.core.quality import of_class, quality_rule, share_interval, watched_classes
from app.core.stats.performance import (
    NORMAL_95,
    estimate_binary,
    estimate_multiclass_accuracy,
    estimate_precision_by_class,
    estimate_regression,
    mae_sampling_sd,
    share_sampling_sd,
)

_NEEDED = f"at least {ENOUGH_ROWS} are needed"
NO_LOSSES = f"the reference shows no errors to learn from: store one again with at least {LEAST_ROWS} labelled rows"


@dataclass(frozen=True, slots=True)
class EstimatedPerformance:
    """Classification: calibrated scores say how many predictions should be right. Regression: trees learnt from the
    reference's errors say how far off predictions of such inputs should be.

    Neither can see a change of P(y | score) or P(y | x); concept_drift and performance can, once labels come.
    """

    name: ClassVar[str] = "estimated_performance"
    question: ClassVar[str] = "How good are the predictions probably, before any truth is known?"
    advice: ClassVar[str] = "The inputs became harder for this model: see which features moved, and label some rows."
    tasks: ClassVar[frozenset[Task]] = EVERY_TASK
    by_season: ClassVar[bool] = True

    floor: float = 0.01

    def evaluate(self, case: Case) -> Iterator[Measurement]:
        yield from judge_by_season(case, self._questions)

    def _questions(self, case: Case) -> Iterator[Question]:
        windows = normal_windows(case, lambda series: enough_rows(_scored(series.outcomes)))
        estimates, usual = _estimates(case, case.outcomes), _estimates(case, windows.series.outcomes)
        usual_scored, scored = _scored(windows.series.outcomes), _scored(case.outcomes)
        names = watched_classes(case)
        sharing = len(estimates) + len(names)
        for measure, values in estimates.items():
            lower, upper = _interval(case, measure, estimates)
            readings = Readings(
                self.name,
                f"estimated_{measure}",
                [measure],
                values=values[:, None],
                why_not=lambda window, _subject: _why_not(case, int(scored[window])),
                sharing=sharing,
                rows=scored.astype(np.float64)[:, None],
                lower=lower,
                upper=upper,
            )
            normal = learn(windows, usual[measure][:, None], usual_scored[:, None])
            yield Question(readings, normal, quality_rule(measure, normal, self.floor))
        if names:
            yield from self._by_class(case, windows, names, sharing)

    def _by_class(self, case: Case, windows: NormalWindows, names: Sequence[str], sharing: int) -> Iterator[Question]:
        """Precision of each of the classes, the first of the layout."""
        chance = _right(case)[: len(names)]
        counts, usual_counts = (
            outcomes.predicted[:, : len(names), :-1] for outcomes in (case.outcomes, windows.series.outcomes)
        )
        rows, usual_rows = counts.sum(axis=-1).astype(np.float64), usual_counts.sum(axis=-1)
        values, usual = (
            np.where(enough_rows(part.sum(axis=-1)), estimate_precision_by_class(part, chance), np.nan)
            for part in (counts, usual_counts)
        )
        lower, upper = share_interval(values, share_sampling_sd(counts, chance))
        readings = Readings(
            self.name,
            "estimated_precision",
            [of_class("precision", name) for name in names],
            values=values,
            why_not=lambda window, c: _why_not_of_class(case, names[c], int(rows[window, c])),
            sharing=sharing,
            rows=rows,
            lower=lower,
            upper=upper,
        )
        normal = learn(windows, usual, usual_rows)
        yield Question(readings, normal, quality_rule("precision", normal, self.floor))


def _scored(outcomes: OutcomeCounts) -> IntArray:
    return np.asarray(outcomes.predicted[..., :-1].sum(axis=(-2, -1)))


def _estimates(case: Case, outcomes: OutcomeCounts) -> dict[str, FloatArray]:
    """Each measure [W]; NaN where too few predictions have a score, or the reference cannot tell what one is worth."""
    scored = _scored(outcomes)
    if case.layout.task is Task.REGRESSION:
        losses = case.layout.losses
        quanta = np.full(2, np.nan) if losses is None else losses.quanta
        estimates = estimate_regression(scored, *np.moveaxis(outcomes.expected_errors * quanta, -1, 0))
    elif case.probability_of_error is None:
        estimates = {"accuracy": np.full(len(scored), np.nan)}
    elif case.probability_of_positive is not None:
        estimates = estimate_binary(outcomes.predicted[..., :-1], case.probability_of_positive)
    else:
        right = 1 - case.probability_of_error
        estimates = {"accuracy": estimate_multiclass_accuracy(outcomes.predicted[..., :-1], right)}
    return {measure: np.where(enough_rows(scored), values, np.nan) for measure, values in estimates.items()}


def _why_not(case: Case, scored: int) -> str:
    if lacking := _why_not_in_reference(case):
        return lacking
    few = not enough_rows(np.array(scored))
    what = "predicted values" if case.layout.task is Task.REGRESSION else "predictions with a score"
    return too_few(what, scored) if few else "undefined: every prediction is of one class"


def _why_not_in_reference(case: Case) -> str:
    """What the reference lacks for any estimate; "" where it lacks nothing."""
    if case.calibration is None:
        return NO_REFERENCE
    if not labelled(case.calibration):
        return NO_LABELS
    if case.layout.task is Task.REGRESSION and case.layout.losses is None:
        return NO_LOSSES
    if case.layout.task is not Task.REGRESSION and case.probability_of_error is None:
        return "the labelled rows of the reference have no score: store one with a score column"
    return ""


def _why_not_of_class(case: Case, name: str, scored: int) -> str:
    if case.probability_of_error is None or enough_rows(np.array(scored)):
        return _why_not_in_reference(case) or f"the reference has too few labelled predictions of {name!r}: {_NEEDED}"
    return too_few(f"predictions of {name!r} with a score", scored)


def _right(case: Case) -> FloatArray:
    """[K, score bins] multiclass: P(right | predicted class, score bin); NaN for a class that the reference has too few
    labelled predictions of, and for all where it cannot tell anything.
    """
    if case.calibration is None or case.probability_of_error is None:
        return np.full((len(case.layout.classes), case.layout.score_bins), np.nan)
    known = enough_rows(case.calibration.outcomes[..., :-1].sum(axis=(-2, -1)))
    return np.where(known[:, None], 1 - case.probability_of_error, np.nan)


def _interval(
    case: Case, measure: str, estimates: dict[str, FloatArray]
) -> tuple[FloatArray | None, FloatArray | None]:
    """[W, 1] 95 %: where the realised value of independent rows would lie; None where no variance is known."""
    values = estimates[measure][:, None]
    if measure == "accuracy" and case.probability_of_error is not None:
        cells = case.outcomes.predicted[..., :-1].reshape(len(values), -1)
        sd = share_sampling_sd(cells, case.probability_of_error.ravel())
        return share_interval(values, sd[:, None])
    if measure == "mae":
        sd = mae_sampling_sd(_scored(case.outcomes), estimates["mae"], estimates["rmse"])
        half = NORMAL_95 * sd[:, None]
        return np.maximum(values - half, 0), values + half
    return None, None


PLUGIN = EstimatedPerformance()
