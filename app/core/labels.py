"""Which windows have labels enough for a verdict on quality, and why the others have not."""

from __future__ import annotations

from datetime import datetime
from statistics import median

import numpy as np

from app.core.case import ENOUGH_ROWS, Case, positives_by_bin
from app.core.judgement import too_few
from app.core.model import Task, Window
from app.core.profile import RIGHT, FloatArray, IntArray, OutcomeCounts
from app.core.stats.arrays import ratio
from app.core.stats.performance import auc_from_histogram, realised_binary, realised_multiclass, regression_quality

USUAL_COVERAGE = 0.8
"""A window is judged when its label coverage reaches this part of what earlier windows had."""
COVERAGE_WINDOWS = 30


def labelled(outcomes: OutcomeCounts) -> IntArray:
    """[W] predictions with a ground-truth or audit label."""
    return np.asarray(outcomes.outcomes.sum(axis=(-3, -2, -1)))


def missing_labels(case: Case) -> list[str]:
    """[W] why quality cannot be judged in a window; "" where it can."""
    counts = labelled(case.outcomes)
    coverage = (counts / np.maximum(case.rows, 1)).tolist()
    usual = _usual_coverage(counts, coverage)
    return [_why_not(case, window, int(count), coverage[window], usual[window]) for window, count in enumerate(counts)]


def _usual_coverage(counts: IntArray, coverage: list[float]) -> list[float]:
    """[W] the median of up to COVERAGE_WINDOWS earlier windows that had labels enough; 0 where none had."""
    usual = []
    for window in range(len(coverage)):
        earlier = range(max(0, window - COVERAGE_WINDOWS), window)
        usual.append(median([coverage[i] for i in earlier if counts[i] >= ENOUGH_ROWS] or [0.0]))
    return usual


def labels_due(case: Case, window: Window) -> datetime:
    """When the labels of a window are final: until then they may still come."""
    return window.end + case.model.label_delay


def provisional(case: Case, window: int) -> str:
    """Why the labels of a window are not final yet; "" once they are."""
    due = labels_due(case, case.windows[window])
    return f"provisional: labels are due until {due:%Y-%m-%d %H:%M} UTC" if due > case.now else ""


def _why_not(case: Case, window: int, count: int, coverage: float, usual: float) -> str:
    if waiting := provisional(case, window):
        return waiting
    if count < ENOUGH_ROWS:
        return too_few("labels", count)
    if coverage < USUAL_COVERAGE * usual:
        return f"labels are late: {coverage:.0%} of the predictions have one, {usual:.0%} are usual"
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
