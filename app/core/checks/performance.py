"""How good are the predictions whose truth is known?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from app.core.case import ENOUGH_ROWS, EVERY_TASK, Case
from app.core.judgement import NormalWindows, Question, Readings, judge_by_season, learn, normal_windows, too_few
from app.core.labels import labelled, missing_labels, realised_quality
from app.core.model import Measurement, Task
from app.core.profile import FloatArray
from app.core.quality import of_class, quality_rule, share_interval, watched_classes
from app.core.stats.performance import realised_by_class

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
    by_season: ClassVar[bool] = True

    floor: float = 0.01

    def evaluate(self, case: Case) -> Iterator[Measurement]:
        yield from judge_by_season(case, self._questions)

    def _questions(self, case: Case) -> Iterator[Question]:
        reasons = missing_labels(case)
        counts = labelled(case.outcomes)
        windows = normal_windows(case, lambda series: labelled(series.outcomes) >= ENOUGH_ROWS)
        usual = realised_quality(case.layout.task, windows.series.outcomes)
        usual_counts = labelled(windows.series.outcomes)
        quality = realised_quality(case.layout.task, case.outcomes)
        names = watched_classes(case)
        sharing = len(quality) + len(_OF_CLASS) * len(names)
        for measure, values in quality.items():
            of_rows = counts[:, None].astype(np.float64)
            lower, upper = _sampling_interval(values[:, None], of_rows) if measure == "accuracy" else (None, None)
            readings = Readings(
                self.name,
                measure,
                [measure],
                values=values[:, None],
                why_not=lambda window, _subject: reasons[window] or UNDEFINED,
                sharing=sharing,
                rows=of_rows,
                lower=lower,
                upper=upper,
                withheld=np.array([bool(reason) for reason in reasons])[:, None],
            )
            normal = learn(windows, usual[measure][:, None], usual_counts[:, None])
            yield Question(readings, normal, quality_rule(measure, normal, self.floor))
        if names:
            yield from self._by_class(case, windows, names, reasons, sharing)

    def _by_class(
        self, case: Case, windows: NormalWindows, names: Sequence[str], reasons: Sequence[str], sharing: int
    ) -> Iterator[Question]:
        """Precision and recall of each of the classes, the first of the layout."""
        usual = realised_by_class(windows.series.outcomes.confusion)
        for measure, (values, rows) in realised_by_class(case.outcomes.confusion).items():
            usual_values, usual_rows = (part[:, : len(names)] for part in usual[measure])
            rows = rows[:, : len(names)]
            shown = np.where(rows >= ENOUGH_ROWS, values[:, : len(names)], np.nan)
            lower, upper = _sampling_interval(shown, rows)
            readings = Readings(
                self.name,
                measure,
                [of_class(measure, name) for name in names],
                values=shown,
                why_not=_why_not_of_class(reasons, [f"{_OF_CLASS[measure]} {name!r}" for name in names], rows),
                sharing=sharing,
                rows=rows,
                lower=lower,
                upper=upper,
                withheld=np.broadcast_to(np.array([bool(reason) for reason in reasons])[:, None], shown.shape),
            )
            normal = learn(windows, np.where(usual_rows >= ENOUGH_ROWS, usual_values, np.nan), usual_rows)
            yield Question(readings, normal, quality_rule(measure, normal, self.floor))


_OF_CLASS = {"precision": "labelled predictions of", "recall": "labels of"}


def _why_not_of_class(reasons: Sequence[str], counted: Sequence[str], rows: FloatArray) -> Callable[[int, int], str]:
    return lambda window, c: reasons[window] or too_few(counted[c], rows[window, c])


def _sampling_interval(values: FloatArray, rows: FloatArray) -> tuple[FloatArray, FloatArray]:
    """95 % sampling interval of shares of that many rows (Wald)."""
    return share_interval(values, np.sqrt(values * (1 - values) / np.maximum(rows, 1)))


PLUGIN = Performance()
