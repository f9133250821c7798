"""How often is the model sure of itself?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from app.core.case import CLASSIFICATION, Case
from app.core.distances import enough_rows
from app.core.judgement import SHARE, Harm, Question, Readings, Rule, judge_by_season, learn, normal_windows, too_few
from app.core.layout import Layout
from app.core.model import Measurement, Task
from app.core.profile import FloatArray, IntArray, OutcomeCounts


@dataclass(frozen=True, slots=True)
class ConfidentShare:
    """Share of scored predictions whose class has at least the model's confident probability."""

    name: ClassVar[str] = "confident_share"
    question: ClassVar[str] = "How often is the model sure of itself?"
    advice: ClassVar[str] = "See which features moved in the same windows: they are what the model is unsure about."
    tasks: ClassVar[frozenset[Task]] = CLASSIFICATION
    by_season: ClassVar[bool] = True

    floor: float = 0.01

    def evaluate(self, case: Case) -> Iterator[Measurement]:
        yield from judge_by_season(case, self._questions)

    def _questions(self, case: Case) -> Iterator[Question]:
        windows = normal_windows(case, lambda series: enough_rows(_scored(series.outcomes)))
        usual = windows.series.outcomes
        scored = _scored(case.outcomes)
        readings = Readings(
            self.name,
            "confident_share",
            [""],
            values=_share(case.layout, case.outcomes),
            why_not=lambda window, _subject: too_few("predictions with a score", scored[window]),
            rows=scored.astype(np.float64)[:, None],
        )
        normal = learn(windows, _share(case.layout, usual), _scored(usual)[:, None])
        yield Question(readings, normal, Rule(self.floor, Harm.EITHER, span=SHARE))


def _scored(outcomes: OutcomeCounts) -> IntArray:
    return np.asarray(outcomes.predicted[..., :-1].sum(axis=(-2, -1)))


def _share(layout: Layout, outcomes: OutcomeCounts) -> FloatArray:
    """[W, 1]; NaN where too few predictions carry a score."""
    scored = _scored(outcomes)
    confident = outcomes.predicted[..., layout.confident_bins].sum(axis=(-2, -1))
    return np.where(enough_rows(scored), confident / np.maximum(scored, 1), np.nan)[:, None]


PLUGIN = ConfidentShare()
