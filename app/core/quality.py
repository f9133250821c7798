"""Which measures of quality are watched, which direction of one is bad news, and how far is too far."""

from __future__ import annotations

import numpy as np

from app.core.case import Case
from app.core.judgement import SHARE, Harm, Normal, Rule
from app.core.model import Task
from app.core.profile import FloatArray
from app.core.stats.performance import NORMAL_95

MOST_CLASSES = 10
"""Classes of a multiclass model that have figures of their own: those that the reference has most of."""

HARM = {"mae": Harm.HIGHER, "rmse": Harm.HIGHER, "bias": Harm.EITHER}
"""Errors hurt when they grow, a bias in either direction; every other measure hurts when it falls."""


def quality_rule(measure: str, normal: Normal, floor: float) -> Rule:
    """`floor` is a share: of the unit interval for rates, of its usual size for an error in its own unit."""
    if measure not in HARM:
        return Rule(floor, Harm.LOWER, span=SHARE)
    sizes = np.abs(normal.values[np.isfinite(normal.values)])
    return Rule(floor * float(sizes.mean()) if sizes.size else floor, HARM[measure])


def watched_classes(case: Case) -> list[str]:
    """The names of the first classes of the layout, which are the most frequent ones; none without a reference."""
    if case.layout.task is not Task.MULTICLASS or case.calibration is None:
        return []
    return case.layout.classes[:-1][:MOST_CLASSES]


def of_class(measure: str, name: str) -> str:
    """The subject of a measure of one class, such as `precision[late]`."""
    return f"{measure}[{name}]"


def share_interval(values: FloatArray, sd: FloatArray) -> tuple[FloatArray, FloatArray]:
    """95 % interval of shares with that sampling sd, within [0, 1]."""
    half = NORMAL_95 * sd
    return np.clip(values - half, 0, 1), np.clip(values + half, 0, 1)
