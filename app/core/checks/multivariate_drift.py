"""Do the features still go together as they did?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
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
from app.core.model import Measurement, Outcome, Task
from app.core.profile import FeatureCounts, FloatArray, IntArray
from app.core.stats.distances import normed_wasserstein

TOGETHER = "(features together)"
"""The subject that stands for how features depend on each other."""
NAMED_SHARE = 0.1
"""A breach names the features that make up at least this share of what no longer fits..."""
MOST_NAMED = 5
"""...and at most so many."""
FITTED = 1.2
"""The components were fitted to the reference's own days, so that these lie nearer than any others: where days resemble
their neighbours (lag-1 .8, 20 to 100 features) production's lie 1.1 to 1.4 times as far without any change."""
_STATISTIC = "reconstruction_error_wasserstein"


@dataclass(frozen=True, slots=True)
class MultivariateDrift:
    """Normed Wasserstein distance of the rows' reconstruction errors from the reference's.

    The errors are what the principal components of the reference leave of a row; see `app.core.multivariate`.
    """

    name: ClassVar[str] = "multivariate_drift"
    question: ClassVar[str] = "Do the features still go together as they did?"
    advice: ClassVar[str] = (
        "Look at the named features side by side: was one joined by a wrong key, delayed, or made from other inputs?"
    )
    tasks: ClassVar[frozenset[Task]] = EVERY_TASK
    by_season: ClassVar[bool] = True

    floor: float = 0.1

    def evaluate(self, case: Case) -> Iterator[Measurement]:
        if case.training is None or case.layout.multivariate is None:
            why = NO_REFERENCE if case.training is None else "the reference has fewer than two numbers that vary"
            yield from cannot_tell(case, self.name, _STATISTIC, why, TOGETHER)
            return
        for found in judge_by_season(case, self._questions):
            if found.outcome is Outcome.BREACH:
                window = case.windows.index(found.window)
                served = case.features_from(window, window + 1).sum()
                moved = moved_together(case.layout, served, case.training_at(window) or case.training)
                found = replace(found, reason=f"{found.reason}; {_named(moved)}")
            yield found

    def _questions(self, case: Case) -> Iterator[Question]:
        training = case.training
        assert training is not None
        windows = normal_windows(case, lambda series: enough_rows(series.outcomes.rows))
        usual = windows.series.features
        features = case.features_from(case.rule_start)
        rows, usual_rows = _rows(features), _rows(usual)
        apart = windows.series.once(self.name, lambda: _leave_one_out(case.layout, usual))
        values = _distance(
            case.layout, features.latent, features.latent_offsets, training.latent, training.latent_offsets
        )
        readings = Readings(
            self.name,
            _STATISTIC,
            [TOGETHER],
            values=np.where(enough_rows(rows), values, np.nan),
            why_not=lambda window, _subject: too_few("rows with enough numbers", rows[window, 0]),
            start=case.rule_start,
            rows=rows.astype(np.float64),
        )
        normal = learn(windows, np.where(enough_rows(usual_rows), FITTED * apart, np.nan), usual_rows)
        yield Question(readings, normal, Rule(self.floor, Harm.HIGHER, distance=True))


def _leave_one_out(layout: Layout, usual: FeatureCounts) -> FloatArray:
    """[R, 1] distance of each window from the sum of the others."""
    counts, offsets = usual.latent, usual.latent_offsets
    return _distance(layout, counts, offsets, counts.sum(axis=0) - counts, offsets.sum(axis=0) - offsets)


def moved_together(layout: Layout, served: FeatureCounts, training: FeatureCounts) -> dict[str, float]:
    """Column -> its share of what no longer fits, the largest first: how far its mean squared remainder has grown."""
    assert layout.multivariate is not None
    grown = served.residuals / max(_rows(served)[0], 1) - training.residuals / max(_rows(training)[0], 1)
    grown = np.maximum(grown, 0.0)
    shares = grown / (grown.sum() or 1.0)
    order = np.argsort(-shares, kind="stable")
    names = [layout.numeric[place].name for place in layout.multivariate.columns]
    return {names[at]: float(shares[at]) for at in order.tolist()}


def _named(moved: dict[str, float]) -> str:
    large = [f"{name} ({100 * share:.0f} %)" for name, share in moved.items() if share >= NAMED_SHARE]
    if not large:
        return "the features fit together better than before, or many of them a little worse"
    return f"no longer fits the others: {', '.join(large[:MOST_NAMED])}"


def _rows(features: FeatureCounts) -> IntArray:
    """[..., 1] rows that have a reconstruction error."""
    return np.asarray(features.latent[..., -1:, :].sum(axis=-1))


def _distance(
    layout: Layout, counts: IntArray, offsets: IntArray, base: IntArray, base_offsets: IntArray
) -> FloatArray:
    """[..., 1] of the last latent column."""
    grid = layout.latent_grid
    here, there = grid.means(counts, offsets)[..., -1:, :], grid.means(base, base_offsets)[..., -1:, :]
    return normed_wasserstein(counts[..., -1:, :], here, base[..., -1:, :], there, grid.scales[-1:])


PLUGIN = MultivariateDrift()
