"""Which windows have labels enough for a verdict on quality, and why the others have not."""

from __future__ import annotations

import numpy as np

from app.core.case import ENOUGH_ROWS, BoolArray, Case
from app.core.judgement import too_few
from app.core.model import Task
from app.core.profile import FloatArray, IntArray, OutcomeCounts
from app.core.stats.performance import realised_binary, realised_multiclass, regression_quality

USUAL_COVERAGE = 0.8
"""A window is judged when its label coverage reaches this part of what earlier windows had."""
COVERAGE_WINDOWS = 30


def labelled(outcomes: OutcomeCounts) -> IntArray:
    """[W] predictions with a ground-truth or audit label."""
    return np.asarray(outcomes.outcomes.sum(axis=(-3, -2, -1)))


def missing_labels(case: Case) -> list[str]:
    """[W] why quality cannot be judged in a window; "" where it can."""
    counts = labelled(case.outcomes)
    coverage = counts / np.maximum(case.rows, 1)
    return [_why_not(case, window, int(counts[window]), coverage) for window in range(len(case.windows))]


def _why_not(case: Case, window: int, count: int, coverage: FloatArray) -> str:
    if count < ENOUGH_ROWS:
        return too_few("labels", count)
    due = case.windows[window].end + case.model.label_delay
    if due > case.now:
        return f"provisional: labels are due until {due:%Y-%m-%d %H:%M} UTC"
    earlier = coverage[max(0, window - COVERAGE_WINDOWS) : window]
    earlier = earlier[labelled(case.outcomes)[max(0, window - COVERAGE_WINDOWS) : window] >= ENOUGH_ROWS]
    usual = float(np.median(earlier)) if earlier.size else 0.0
    if coverage[window] < USUAL_COVERAGE * usual:
        return f"labels are late: {coverage[window]:.0%} of the predictions have one, {usual:.0%} are usual"
    return ""


def judgeable(case: Case) -> BoolArray:
    """[W] whether a window's labels allow a verdict."""
    return np.array([not reason for reason in missing_labels(case)], dtype=np.bool_)


def realised_quality(task: Task, outcomes: OutcomeCounts) -> dict[str, FloatArray]:
    """Each measure of the task, [W], from labelled predictions; NaN where there are too few labels."""
    counts = labelled(outcomes)
    if task is Task.BINARY:
        quality = realised_binary(outcomes.outcomes)
        quality["auc"] = realised_binary(outcomes.outcomes[..., :-1])["auc"]  # needs a score; the others do not
    elif task is Task.MULTICLASS:
        quality = realised_multiclass(outcomes.confusion)
    else:
        absolute, squared, signed = np.moveaxis(outcomes.errors, -1, 0)
        quality = regression_quality(counts, absolute, squared, signed)
    return {name: np.where(counts >= ENOUGH_ROWS, value, np.nan) for name, value in quality.items()}
