"""What predictions turned out to be worth, by score and by class: reliability diagrams, error by score, confusion.

Everything comes from counts that profiles hold, so that a year of windows costs what one does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from app.core.case import positives_by_bin
from app.core.layout import OTHER, Layout
from app.core.model import Task
from app.core.profile import RIGHT, WRONG, FloatArray, IntArray, OutcomeCounts
from app.core.stats.arrays import ratio
from app.core.stats.intervals import of_mean, wilson

Codes: TypeAlias = NDArray[np.intp]

MOST_GROUPS = 12
"""Points of a curve: fewer, with more rows each, say more than many with wide intervals."""
LEAST_ROWS = 30
"""Labelled rows of a point, over both sides of a comparison."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """G groups of score bins: `score` [G] is the mean score, `share` [G] what was observed, with 95 % Wilson intervals.

    `score` takes a row to lie in the middle of its bin. A group without `rows` [G] is NaN in all else.
    """

    score: FloatArray
    share: FloatArray
    lower: FloatArray
    upper: FloatArray
    rows: FloatArray

    @property
    def gap(self) -> float:
        """Mean distance, over rows, of share from score: the expected calibration error (Naeini et al. 2015)."""
        known = self.rows > 0
        return float(ratio(np.sum(self.rows[known] * np.abs(self.share - self.score)[known]), self.rows.sum()))


def score_middles(layout: Layout) -> FloatArray:
    """[score bins] the middle of each bin of a probability."""
    edges = np.clip(np.array(layout.score_edges), 0.0, 1.0)
    return np.asarray((np.append(0.0, edges) + np.append(edges, 1.0)) / 2)


def groups_of(
    weights: ArrayLike, most: int = MOST_GROUPS, least: int = LEAST_ROWS, rows: ArrayLike | None = None
) -> Codes:
    """[B] ascending group numbers of bins in order: at most `most`, of about equal weight and at least `least` rows.

    Without `rows` [B] the weights are rows. One group where there are fewer rows than that.
    """
    weight = np.asarray(weights, dtype=np.float64)
    counted = weight if rows is None else np.asarray(rows, dtype=np.float64)
    if not weight.sum():
        return np.zeros(weight.size, np.intp)
    middle = (np.cumsum(weight) - weight / 2) / weight.sum()
    codes = np.minimum((middle * most).astype(np.intp), most - 1)
    starts, held, left = np.zeros(weight.size, np.bool_), 0.0, float(counted.sum())
    since = codes[0]
    for at, code in enumerate(codes):
        if code != since and held >= least and left >= least:
            starts[at], held, since = True, 0.0, code
        held, left = held + counted[at], left - counted[at]
    return np.cumsum(starts).astype(np.intp)


def curve(happened: ArrayLike, totals: ArrayLike, middles: FloatArray, groups: Codes) -> Curve:
    """The share of rows [B] that something happened to, by groups of score bins."""
    size = int(groups.max()) + 1
    k, n, scores = (
        np.bincount(groups, np.asarray(part, dtype=np.float64), minlength=size).astype(np.float64)
        for part in (happened, totals, np.asarray(totals) * middles)
    )
    interval = wilson(k, n)
    return Curve(ratio(scores, n), ratio(k, n), interval.lower, interval.upper, n)


def reliability(layout: Layout, sides: Sequence[OutcomeCounts]) -> list[Curve]:
    """What scores were worth on each side, over the same groups.

    Binary: the share of positives by the positive class's score; multiclass: the share of right predictions by the
    score of the predicted class.
    """
    counted = [_hits(layout.task, one) for one in sides]
    groups = groups_of(sum(totals for _, totals in counted))
    return [curve(hits, totals, score_middles(layout), groups) for hits, totals in counted]


def errors_by_score(layout: Layout, sides: Sequence[OutcomeCounts]) -> list[Curve]:
    """The share of wrong predictions by score on each side, over the same groups."""
    counted = [one.outcomes[..., :-1].sum(axis=0) for one in sides]
    groups = groups_of(sum(part.sum(axis=0) for part in counted))
    return [curve(part[WRONG], part.sum(axis=0), score_middles(layout), groups) for part in counted]


def _hits(task: Task, outcomes: OutcomeCounts) -> tuple[IntArray, IntArray]:
    if task is Task.BINARY:
        return positives_by_bin(outcomes)
    cells = outcomes.outcomes[..., :-1].sum(axis=0)
    return cells[RIGHT], cells.sum(axis=0)


@dataclass(frozen=True, slots=True, eq=False)
class Confusion:
    """`counts` [K, K] labelled rows by true class (rows) and predicted class (columns), as scikit-learn has them."""

    classes: tuple[str, ...]
    counts: IntArray

    @property
    def shares(self) -> FloatArray:
        """[K, K] of the rows of a true class, what was predicted; NaN where none has that truth."""
        return ratio(self.counts, self.counts.sum(axis=1, keepdims=True))

    @property
    def support(self) -> IntArray:
        """[K] labelled rows of each true class."""
        return np.asarray(self.counts.sum(axis=1))

    @property
    def precision(self) -> FloatArray:
        """[K] share of what was predicted as the class that is of it."""
        return ratio(np.diagonal(self.counts), self.counts.sum(axis=0))

    @property
    def recall(self) -> FloatArray:
        """[K] share of the class that was predicted as such."""
        return ratio(np.diagonal(self.counts), self.support)

    @property
    def f1(self) -> FloatArray:
        """[K] harmonic mean of both."""
        return ratio(2 * np.diagonal(self.counts), self.counts.sum(axis=0) + self.support)


def confusion(layout: Layout, outcomes: OutcomeCounts, most: int = 10) -> Confusion:
    """The classes with most labelled rows, in the layout's order; what remains is one class, OTHER.

    Classes that the layout does not name are among OTHER, whose diagonal is therefore no count of right predictions.
    """
    names, counts = list(layout.classes), outcomes.confusion.T
    seen = counts.sum(axis=0) + counts.sum(axis=1)
    named = np.array([name != OTHER or layout.task is Task.BINARY for name in names])
    order = [
        int(at) for at in np.argsort(-seen, kind="stable") if named[at] and (seen[at] or layout.task is Task.BINARY)
    ]
    kept = sorted(order[:most])
    rest = [at for at in range(len(names)) if at not in kept and seen[at]]
    into = np.full(len(names), len(kept))
    into[kept] = np.arange(len(kept))
    size = len(kept) + bool(rest)
    merged = np.zeros((len(kept) + 1,) * 2, np.int64)
    np.add.at(merged, (into[:, None], into[None, :]), counts)
    return Confusion((*(names[at] for at in kept), *([OTHER] if rest else [])), merged[:size, :size])


@dataclass(frozen=True, slots=True, eq=False)
class Residuals:
    """Regression, G groups of predicted values: means of prediction and truth, and the 95 % interval of the latter.

    `bias` [G] is prediction minus truth; all in the unit of what the model predicts.
    """

    predicted: FloatArray
    actual: FloatArray
    lower: FloatArray
    upper: FloatArray
    rows: FloatArray

    @property
    def bias(self) -> FloatArray:
        """[G] how far predictions are too high."""
        return self.predicted - self.actual


def residuals(predicted: ArrayLike, actual: ArrayLike, edges: ArrayLike) -> Residuals:
    """Labelled rows [N] by groups between `edges` [G - 1] of the predicted value; a truth's interval is Student's."""
    said, true = np.asarray(predicted, dtype=np.float64), np.asarray(actual, dtype=np.float64)
    inner = np.asarray(edges, dtype=np.float64)
    groups, size = np.searchsorted(inner, said, side="right"), inner.size + 1
    n = np.bincount(groups, minlength=size).astype(np.float64)
    means = [ratio(np.bincount(groups, part, minlength=size), n) for part in (said, true, said - true)]
    # The rows of a group differ in what was predicted of them, which is known: their errors alone are uncertain.
    spread = np.bincount(groups, (said - true - means[2][groups]) ** 2, minlength=size)
    interval = of_mean(means[1], ratio(spread, np.maximum(n - 1, 0)), n)
    return Residuals(means[0], means[1], interval.lower, interval.upper, n)


def residual_edges(predicted: ArrayLike, most: int = MOST_GROUPS, least: int = LEAST_ROWS) -> FloatArray:
    """Edges between groups of about equal mass of predicted values [N]."""
    values = np.asarray(predicted, dtype=np.float64)
    groups = max(1, min(most, values.size // least))
    if groups == 1:
        return np.empty(0)
    return np.unique(np.quantile(values, np.arange(1, groups) / groups))
