"""How good are the predictions whose truth is known?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from app.core.case import ENOUGH_ROWS, EVERY_TASK, Case
from app.core.judgement import Readings, judge, learn, normal_windows
from app.core.labels import labelled, missing_labels, realised_quality
from app.core.model import Measurement, Task
from app.core.profile import FloatArray, IntArray
from app.core.quality import quality_rule
from app.core.stats.performance import NORMAL_95

UNDEFINED = "undefined: the labelled rows are all of one class, or without a score"


@dataclass(frozen=True, slots=True)
class Performance:
    """Realised quality by event time; provisional, and not judged, until the labels are in."""

    name: ClassVar[str] = "performance"
    question: ClassVar[str] = "How good are the predictions whose truth is known?"
    advice: ClassVar[str] = (
        "See which features moved and whether concepts drifted to tell why; retrain on recent labels."
    )
    tasks: ClassVar[frozenset[Task]] = EVERY_TASK

    floor: float = 0.01

    def evaluate(self, case: Case) -> Iterator[Measurement]:
        reasons = missing_labels(case)
        counts = labelled(case.outcomes)
        windows = normal_windows(case, lambda series: labelled(series.outcomes) >= ENOUGH_ROWS)
        usual = realised_quality(case.layout.task, windows.series.outcomes)
        usual_counts = labelled(windows.series.outcomes)
        for measure, values in realised_quality(case.layout.task, case.outcomes).items():
            lower, upper = _sampling_interval(values, counts) if measure == "accuracy" else (None, None)
            readings = Readings(
                self.name,
                measure,
                [measure],
                values=values[:, None],
                why_not=lambda window, _subject: reasons[window] or UNDEFINED,
                rows=counts.astype(np.float64)[:, None],
                lower=lower,
                upper=upper,
                withheld=np.array([bool(reason) for reason in reasons])[:, None],
            )
            normal = learn(windows, usual[measure][:, None], usual_counts[:, None])
            yield from judge(case, readings, normal, quality_rule(measure, normal, self.floor))


def _sampling_interval(values: FloatArray, counts: IntArray) -> tuple[FloatArray, FloatArray]:
    """95 % sampling interval [W, 1] of a share (Wald)."""
    half = NORMAL_95 * np.sqrt(values * (1 - values) / np.maximum(counts, 1))
    return np.clip(values - half, 0, 1)[:, None], np.clip(values + half, 0, 1)[:, None]


PLUGIN = Performance()
