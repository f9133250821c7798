"""How much each feature tells about what the model says, and about where it errs: learnt from a sample of rows.

Permutation importance would need the model, and a monitor has only its predictions. What can be told from those is
association: the mutual information I of the feature with the score, given as Linfoot's informational coefficient of
correlation sqrt(1 - exp(-2 I)) (Information and Control 1, 1957), which is 0 for independence, 1 where one gives away
the other, and |r| for two normal variables. It finds any form of dependence, one feature at a time: what only two
features together tell is not seen, and of two copies of a feature both count, whichever of them the model uses.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from app.core.derived import DerivedFeature
from app.core.model import Task
from app.core.sample import Sample, Values

Codes: TypeAlias = NDArray[np.intp]

BINS = 20
ENOUGH_ROWS = 200
CHANCE = 0.001
"""An association as strong as this share of those that chance alone makes counts as none."""


class Importance(msgspec.Struct, frozen=True):
    """0 to 1 each; None where the sample cannot tell. `score`: of what the model says; `error`: of where it errs."""

    score: float | None
    error: float | None

    @property
    def weight(self) -> float | None:
        """The larger of the two."""
        return _largest((self.score, self.error))


def importance_of(sample: Sample, task: Task, derived: Iterable[DerivedFeature] = ()) -> dict[str, Importance]:
    """The importance of every feature of the sample; a derived one has that of its most important column."""
    said, error = _said(sample, task), errors_of(sample, task)
    found = {}
    for name, values in sample.features.items():
        codes = binned(values)
        found[name] = Importance(_association(codes, said), _association(codes, error))
    for feature in derived:
        parts = [found[name] for name in feature.columns if name in found]
        found[feature.name] = Importance(_largest(part.score for part in parts), _largest(part.error for part in parts))
    return found


def _largest(known: Iterable[float | None]) -> float | None:
    return max((one for one in known if one is not None), default=None)


def informational_correlation(x: Codes, y: Codes) -> float:
    """sqrt(1 - exp(-2 I)) of two columns of codes >= 0; 0 where chance explains what is seen.

    I is the mutual information of the table of counts less its bias under independence, (r - 1)(c - 1) / 2n
    (Miller 1955), where 2 n I follows the chi-squared distribution (the G-test).
    """
    counts = np.bincount(x * (y.max() + 1) + y, minlength=(x.max() + 1) * (y.max() + 1)).reshape(x.max() + 1, -1)
    counts = counts[counts.any(axis=1)][:, counts.any(axis=0)]
    freedom = (counts.shape[0] - 1) * (counts.shape[1] - 1)
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0) / counts.sum()
    filled = counts > 0
    g = 2 * float(np.sum(counts[filled] * np.log(counts[filled] / expected[filled])))
    if not freedom or g <= chi2.isf(CHANCE, freedom):
        return 0.0
    return float(np.sqrt(1 - np.exp(-(g - freedom) / x.size)))


def binned(values: Values) -> Codes:
    """[N] codes: categories by name, numbers in at most BINS bins of equal mass, and 0 where a value is missing."""
    missing = np.array([value is None for value in values], dtype=np.bool_)
    if any(isinstance(value, str) for value in values):
        names = np.array(["" if value is None else value for value in values], dtype=object)
        codes = np.unique(names, return_inverse=True)[1]
    else:
        numbers = np.array([0.0 if value is None else value for value in values], dtype=np.float64)
        present = numbers[~missing]
        edges = np.unique(np.quantile(present, np.arange(1, BINS) / BINS)) if present.size else np.empty(0)
        codes = np.searchsorted(edges, numbers, side="right")
    return np.where(missing, 0, codes + 1)


def _association(feature: Codes, other: Values) -> float | None:
    """None where fewer than ENOUGH_ROWS rows have a value of the other."""
    known = np.array([value is not None for value in other], dtype=np.bool_)
    if known.sum() < ENOUGH_ROWS:
        return None
    return informational_correlation(feature[known], binned([value for value in other if value is not None]))


def _said(sample: Sample, task: Task) -> Values:
    """What the model says: a score where it speaks of one class, else the class or the number."""
    if task is Task.BINARY and any(score is not None for score in sample.score):
        return sample.score
    return sample.predicted


def errors_of(sample: Sample, task: Task) -> Values:
    """Regression: |predicted - true|; otherwise whether it was wrong. None where the truth is not known."""
    pairs = zip(sample.predicted, sample.label, strict=True)
    if task is Task.REGRESSION:
        return [_distance(said, true) for said, true in pairs]
    return [None if said is None or true is None else float(said != true) for said, true in pairs]


def _distance(said: float | str | None, true: float | str | None) -> float | None:
    return abs(said - true) if isinstance(said, float | int) and isinstance(true, float | int) else None
