"""Which windows have labels enough for a verdict on quality, and why the others have not."""

from __future__ import annotations

from datetime import datetime, timedelta
from statistics import median

import numpy as np

from app.core.case import ENOUGH_ROWS, Case, Series, positives_by_bin
from app.core.judgement import too_few
from app.core.label_delay import SETTLED, DelayCurve, delay_curve
from app.core.model import Model, Task
from app.core.profile import RIGHT, FloatArray, IntArray, OutcomeCounts
from app.core.stats.arrays import ratio
from app.core.stats.performance import auc_from_histogram, realised_binary, realised_multiclass, regression_quality

USUAL_COVERAGE = 0.8
"""A window is judged when its label coverage reaches this part of what earlier windows had at its age."""
COVERAGE_WINDOWS = 30
_LEAST_COMPLETE = 0.5
"""Share of its labels that a window of that age has usually; with fewer, those that came first would speak for all."""


def labelled(outcomes: OutcomeCounts) -> IntArray:
    """[W] predictions with a ground-truth or audit label."""
    return np.asarray(outcomes.outcomes.sum(axis=(-3, -2, -1)))


def missing_labels(case: Case) -> list[str]:
    """[W] why quality cannot be judged in a window; "" where it can."""
    counts = labelled(case.outcomes)
    coverage = counts / np.maximum(case.rows, 1)
    complete = _complete(case)
    usual = _usual_coverage(counts, coverage / np.maximum(complete, _LEAST_COMPLETE)) * complete
    return [
        _why_not(case, window, int(count), *found)
        for window, (count, *found) in enumerate(zip(counts, coverage, usual, complete, strict=True))
    ]


def measured_delay(series: Series, now: datetime) -> DelayCurve | None:
    """The delay curve of these windows; None while they show too few labels, or none whose time is known."""
    ages = np.array([(now - window.end).total_seconds() for window in series.windows])
    return delay_curve(series.outcomes.label_delays, ages) if len(series) else None


def _complete(case: Case) -> FloatArray:
    """[W] the share of a window's labels that is usually in at its present age; 1 where the delay is not known."""
    curve = measured_delay(case.early, case.now)
    if curve is None:
        return np.ones(len(case.windows))
    ages = np.array([(case.now - window.end).total_seconds() for window in case.windows])
    return curve.complete(np.maximum(ages, 0.0), case.model.window.delta)


def _usual_coverage(counts: IntArray, coverage: FloatArray) -> FloatArray:
    """[W] the median of up to COVERAGE_WINDOWS earlier windows that had labels enough; 0 where none had."""
    enough, values = (counts >= ENOUGH_ROWS).tolist(), coverage.tolist()
    usual = []
    for window in range(len(values)):
        earlier = range(max(0, window - COVERAGE_WINDOWS), window)
        usual.append(median([values[i] for i in earlier if enough[i]] or [0.0]))
    return np.array(usual)


def settling_time(series: Series, model: Model, now: datetime) -> timedelta:
    """How long after a window's end its labels count as complete: the declared delay, or the measured one if longer."""
    curve = measured_delay(series, now)
    return max(model.label_delay, curve.needed(SETTLED, model.window.delta) if curve else model.label_delay)


def provisional(case: Case, window: int) -> str:
    """Why the labels of a window are not final yet; "" once they are."""
    due = case.windows[window].end + case.model.label_delay
    return f"provisional: labels are due until {due:%Y-%m-%d %H:%M} UTC" if due > case.now else ""


def _why_not(case: Case, window: int, count: int, coverage: float, usual: float, complete: float) -> str:
    if waiting := provisional(case, window):
        return waiting
    if count < ENOUGH_ROWS:
        return too_few("labels", count)
    if complete < _LEAST_COMPLETE:
        return (
            f"labels are due but come later: {coverage:.0%} of the predictions have one; at this age a window has "
            f"usually {complete:.0%} of its labels, {_LEAST_COMPLETE:.0%} are needed: declare a longer label delay"
        )
    if coverage < USUAL_COVERAGE * usual:
        return f"labels are late: {coverage:.0%} of the predictions have one, {usual:.0%} are usual at this age"
    return ""


def realised_quality(task: Task, outcomes: OutcomeCounts) -> dict[str, FloatArray]:
    """Each measure of the task, [W], from labelled predictions; NaN where there are too few labels.

    Multiclass precision, recall and F1 are macro means, in which the classes that the reference lacks are one class.
    """
    counts = labelled(outcomes)
    if task is Task.BINARY:
        positives, scored = positives_by_bin(outcomes)
        # AUC needs a score; the other measures do not.
        quality = realised_binary(outcomes.outcomes) | {"auc": auc_from_histogram(positives, scored - positives)}
    elif task is Task.MULTICLASS:
        # Whether a prediction was right is known by name, also among classes that the reference lacks.
        right = outcomes.outcomes[..., RIGHT, :].sum(axis=(-2, -1))
        quality = realised_multiclass(outcomes.confusion) | {"accuracy": ratio(right, counts)}
    else:
        absolute, squared, signed = np.moveaxis(outcomes.errors, -1, 0)
        quality = regression_quality(counts, absolute, squared, signed)
    return {name: np.where(counts >= ENOUGH_ROWS, value, np.nan) for name, value in quality.items()}
