"""Have the predictions themselves moved?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from app.core.case import EVERY_TASK, Case
from app.core.distances import enough_rows
from app.core.judgement import (
    NO_REFERENCE,
    Harm,
    Question,
    Readings,
    Rule,
    cannot_tell,
    judge_by_season,
    learn,
    normal_windows,
    too_few,
)
from app.core.layout import Layout
from app.core.model import Measurement, Task
from app.core.profile import FloatArray, IntArray, OutcomeCounts
from app.core.stats.distances import jensen_shannon, normed_wasserstein, shares


@dataclass(frozen=True, slots=True, eq=False)
class _Distribution:
    """One way to look at predictions: counts [..., B], and the distance of two of them (shapes broadcast)."""

    subject: str
    statistic: str
    what: str
    counts: Callable[[OutcomeCounts], IntArray]
    apart: Callable[[FloatArray | IntArray, FloatArray | IntArray], FloatArray]


@dataclass(frozen=True, slots=True)
class PredictionDrift:
    """`score` (regression: the predicted value): normed Wasserstein distance; `class`: Jensen-Shannon distance, base 2.

    Scores stand at the middle of their bin, and beyond the reference's outermost edges at that edge (probabilities: in
    the middle between the edge and 0 or 1). So what moves inside a bin is not seen, and far outliers count as near.
    """

    name: ClassVar[str] = "prediction_drift"
    question: ClassVar[str] = "Have scores, predicted values or classes moved?"
    advice: ClassVar[str] = (
        "See which features moved with them; if none did, ask whether the model itself was replaced."
    )
    tasks: ClassVar[frozenset[Task]] = EVERY_TASK
    by_season: ClassVar[bool] = True

    floor: float = 0.1

    def evaluate(self, case: Case) -> Iterator[Measurement]:
        if case.calibration is None:
            yield from cannot_tell(case, self.name, "distance", NO_REFERENCE)
            return
        yield from judge_by_season(case, partial(self._questions, _scores(case.layout, case.calibration)))
        if case.layout.task is not Task.REGRESSION:
            yield from judge_by_season(case, partial(self._questions, _CLASSES))

    def _questions(self, look: _Distribution, case: Case) -> Iterator[Question]:
        reference = case.usual_outcomes
        assert reference is not None
        windows = normal_windows(case, lambda series: enough_rows(look.counts(series.outcomes).sum(axis=-1)))
        counts, usual, base = (look.counts(one) for one in (case.outcomes, windows.series.outcomes, reference))
        rows, usual_rows = counts.sum(axis=-1), usual.sum(axis=-1)
        readings = Readings(
            self.name,
            look.statistic,
            [look.subject],
            values=np.where(enough_rows(rows), look.apart(counts, base), np.nan)[:, None],
            why_not=lambda window, _subject: (
                too_few(look.what, rows[window])
                if base.sum()
                else f"the reference has no {look.what}: store one that has"
            ),
            sharing=1 if case.layout.task is Task.REGRESSION else 2,
            rows=rows.astype(np.float64)[:, None],
        )
        apart = look.apart(usual, usual.sum(axis=0) - usual)
        normal = learn(windows, np.where(enough_rows(usual_rows), apart, np.nan)[:, None], usual_rows[:, None])
        yield Question(readings, normal, Rule(self.floor, Harm.HIGHER, distance=True))


_CLASSES = _Distribution(
    "class", "jensen_shannon", "predicted classes", lambda outcomes: outcomes.predicted.sum(axis=-1), jensen_shannon
)


def _scores(layout: Layout, reference: OutcomeCounts) -> _Distribution:
    middles = _middles(layout)
    scale = _sd(middles, _scored(reference))
    regression = layout.task is Task.REGRESSION
    return _Distribution(
        "value" if regression else "score",
        "normed_wasserstein",
        "predicted values" if regression else "predictions with a score",
        _scored,
        lambda counts, base: normed_wasserstein(counts, middles, base, middles, scale),
    )


def _scored(outcomes: OutcomeCounts) -> IntArray:
    """[..., score bins] predictions by score."""
    return np.asarray(outcomes.predicted[..., :-1].sum(axis=-2))


def _middles(layout: Layout) -> FloatArray:
    """[score bins] the middle of each bin; open bins end where probabilities do, or at once."""
    edges = np.array(layout.score_edges)
    low, high = edges[0], edges[-1]
    if layout.task is not Task.REGRESSION:
        low, high = min(low, 0.0), max(high, 1.0)
    halves = np.concatenate([[low], edges, [high]]) / 2  # before they are added: the largest doubles have no sum
    return halves[:-1] + halves[1:]


def _sd(middles: FloatArray, counts: IntArray) -> float:
    """The reference's sd; for a constant its own size, as for a constant feature."""
    if not counts.sum():
        return 1.0
    mass, unit = shares(counts), float(np.abs(middles).max()) or 1.0  # or the squares of large numbers are infinite
    mean = float(mass @ (middles / unit))
    return (float(np.sqrt(mass @ (middles / unit - mean) ** 2)) or abs(mean) or 1.0) * unit


PLUGIN = PredictionDrift()
