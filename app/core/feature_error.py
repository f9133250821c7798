"""Where a model errs along one feature, and what a shift of the feature does to the error by that alone.

The errors come from the labelled rows of the reference's sample, the shares of each range of values from profiles. If
the error within each range stays what it was, the mean error moves by sum_b (now_b - before_b) e_b: post-stratification
(Little 1993). What it cannot see is an error that changed within a range; realised quality and concept drift can.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from app.core.importance import Codes, errors_of
from app.core.layout import BINS, OTHER, Layout
from app.core.model import Task
from app.core.profile import FeatureCounts, FloatArray
from app.core.reliability import groups_of
from app.core.sample import Sample, Values
from app.core.stats.arrays import ratio
from app.core.stats.intervals import of_mean, wilson
from app.core.stats.performance import NORMAL_95, Estimate

MOST_GROUPS = 10
LEAST_ROWS = 30
ENOUGH_ROWS = 200
MOST_UNKNOWN = 0.05
"""Share of what is served now whose error the reference cannot tell, beyond which nothing is said of the whole."""
MISSING = "(missing)"


@dataclass(frozen=True, slots=True, eq=False)
class FeatureError:
    """G ranges of a feature: the mean error of labelled rows with its 95 % interval, and the shares of values.

    `error` and its interval are NaN where a range has too few `rows`. `change` is what the shift does to the mean error
    (None: cannot be told, and `reason` says why), `unknown` the share of now that lies where no error is known.
    """

    statistic: str
    ranges: tuple[str, ...]
    rows: FloatArray
    error: FloatArray
    lower: FloatArray
    upper: FloatArray
    before: FloatArray
    now: FloatArray
    overall: float
    change: Estimate | None
    unknown: float
    reason: str = ""

    @property
    def labelled(self) -> int:
        """The rows that all of it rests on."""
        return int(self.rows.sum())


def error_by_feature(
    layout: Layout, sample: Sample, feature: str, reference: FeatureCounts, now: FeatureCounts
) -> FeatureError | str:
    """The column's errors and shares; or why they cannot be told."""
    error = np.array([np.nan if one is None else one for one in errors_of(sample, layout.task)], dtype=np.float64)
    known = np.isfinite(error)
    if known.sum() < ENOUGH_ROWS:
        return f"the reference's sample has {known.sum()} labelled rows, {ENOUGH_ROWS} are needed"
    if feature not in sample.features:
        return "the reference's sample does not hold this feature"
    index = layout.column_names.index(feature)
    codes = _codes(layout, index, sample.features[feature])
    counted = np.bincount(codes[known], minlength=_places(layout, index)).astype(np.float64)
    groups, names = _groups(layout, index, counted, _counted(layout, index, now))
    mine, size = groups[codes[known]], len(names)
    n: FloatArray = np.bincount(mine, minlength=size).astype(np.float64)
    mean, variance = _moments(mine, error[known], n)
    share = layout.task is not Task.REGRESSION
    interval = wilson(mean * n, n) if share else of_mean(mean, variance, n)
    before, after = (_shares(layout, index, counts, groups, size) for counts in (reference, now))
    unknown = _unknown(layout, index, now, after, n)
    told = n >= LEAST_ROWS
    known_ranges = _Known(mean[told], (_variance(mean, n) if share else variance)[told] / n[told])
    was, is_now = (
        (part[told], float(_counted(layout, index, counts).sum()))
        for part, counts in ((before, reference), (after, now))
    )
    change, reason = _change(known_ranges, was, is_now, unknown)
    return FeatureError(
        statistic="error rate" if share else "mean absolute error",
        ranges=tuple(names),
        rows=n,
        error=np.where(told, mean, np.nan),
        lower=np.where(told, interval.lower, np.nan),
        upper=np.where(told, interval.upper, np.nan),
        before=before,
        now=after,
        overall=float(error[known].mean()),
        change=change,
        unknown=unknown,
        reason=reason,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """The ranges whose error is known, and the variance of each of these means."""

    error: FloatArray
    variance: FloatArray


def _change(
    known: _Known, before: tuple[FloatArray, float], after: tuple[FloatArray, float], unknown: float
) -> tuple[Estimate | None, str]:
    """What the shift does to the mean error; each side: the shares of the known ranges, of so many rows."""
    if not after[1]:
        return None, "nothing was served in these windows"
    if unknown > MOST_UNKNOWN or not before[0].sum() or not after[0].sum():
        return None, f"{unknown:.0%} of the values now are such as the reference has too few labelled rows of"
    shares = [part / part.sum() for part, _ in (before, after)]
    weights = shares[1] - shares[0]
    value = float(np.sum(weights * known.error))
    # Errors are known from a sample; and the rows of both sides are samples, too, of what might have come.
    variance = float(np.sum(weights**2 * known.variance))
    for part, rows in zip(shares, (before[1], after[1]), strict=True):
        variance += float(np.sum(part * (known.error - np.sum(part * known.error)) ** 2) / rows)
    half = NORMAL_95 * np.sqrt(variance)
    return Estimate(value, value - half, value + half), ""


def _moments(groups: Codes, values: FloatArray, n: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and sample variance of each group."""
    mean = ratio(np.bincount(groups, values, minlength=n.size), n)
    squares = np.bincount(groups, (values - mean[groups]) ** 2, minlength=n.size)
    return mean, ratio(squares, np.maximum(n - 1, 0))


def _variance(share: FloatArray, n: FloatArray) -> FloatArray:
    """Of one row; two of each outcome are added, so that a group without errors is not taken for certain."""
    steadied = ratio(share * n + 2, n + 4)
    return np.asarray(steadied * (1 - steadied))


def _places(layout: Layout, index: int) -> int:
    """Bins, or categories with one for all others; and at last, what is missing or no number."""
    numeric = len(layout.numeric)
    return (BINS if index < numeric else len(layout.categorical[index - numeric].categories) + 1) + 1


def _codes(layout: Layout, index: int, values: Values) -> Codes:
    """[N] the place of each sampled value."""
    last = _places(layout, index) - 1
    if index < len(layout.numeric):
        numbers = np.array([np.nan if not isinstance(v, float | int) else v for v in values], dtype=np.float64)
        bins = np.searchsorted(layout.edge_arrays[index], numbers, side="right")
        return np.where(np.isfinite(numbers), bins, last)
    known = layout.category_index[index - len(layout.numeric)]
    places = (last if value is None else known.get(str(value), last - 1) for value in values)
    return np.fromiter(places, np.intp, len(values))


def _groups(layout: Layout, index: int, counted: FloatArray, now: FloatArray) -> tuple[Codes, list[str]]:
    """[places] the range of each place, and the names of the ranges; the last is of what is missing.

    Ranges are narrow where the reference has many rows, and where what is served now lies.
    """
    numeric = len(layout.numeric)
    if index < numeric:
        groups = groups_of(_share(counted[:-1]) + _share(now[:-1]), MOST_GROUPS, LEAST_ROWS, rows=counted[:-1])
        names = _ranges(layout.edge_arrays[index], groups)
    else:
        known = np.argsort(-counted[:-2], kind="stable")[:MOST_GROUPS]
        kept = [int(at) for at in known if counted[at] >= LEAST_ROWS]
        groups = np.full(counted.size - 1, len(kept), np.intp)
        groups[kept] = np.arange(len(kept))
        names = [*(layout.categorical[index - numeric].categories[at] for at in kept), OTHER]
    return np.append(groups, len(names)), [*names, MISSING]


def _ranges(edges: FloatArray, groups: Codes) -> list[str]:
    """`< 3`, `3 to 7`, `>= 7`: bin b is [edges[b - 1], edges[b])."""
    starts = np.flatnonzero(np.diff(groups)) + 1
    starts = starts[starts <= edges.size]
    cuts = _distinct([float(edges[at - 1]) for at in starts])
    if not cuts:
        return ["all values"]
    inner = [f"{low} to {high}" for low, high in pairwise(cuts)]
    return [f"< {cuts[0]}", *inner, f"≥ {cuts[-1]}"]


def _distinct(cuts: Sequence[float]) -> list[str]:
    """With the fewest digits, from four on, that keep different cuts apart."""
    wanted = len(set(cuts))
    texts = ([f"{cut:.{digits}g}" for cut in cuts] for digits in range(4, 18))
    return next(found for found in texts if len(set(found)) >= wanted)


def _counted(layout: Layout, index: int, counts: FeatureCounts) -> FloatArray:
    """[places] values of the column in a profile."""
    numeric = len(layout.numeric)
    if index < numeric:
        return np.append(counts.numeric[index], counts.states[index].sum()).astype(np.float64)
    row, known = counts.categories[index - numeric], len(layout.categorical[index - numeric].categories)
    return np.concatenate([row[:known], [row[known:].sum(), counts.absent[index - numeric]]]).astype(np.float64)


def _shares(layout: Layout, index: int, counts: FeatureCounts, groups: Codes, size: int) -> FloatArray:
    return _share(np.bincount(groups, _counted(layout, index, counts), minlength=size).astype(np.float64))


def _share(counts: FloatArray) -> FloatArray:
    return np.asarray(counts / max(counts.sum(), 1.0))


def _unknown(layout: Layout, index: int, now: FeatureCounts, shares: FloatArray, n: FloatArray) -> float:
    """The share of now in ranges with too few labelled rows, or beyond all numbers of the reference."""
    total = max(_counted(layout, index, now).sum(), 1.0)
    lacking = float(shares[n < LEAST_ROWS].sum())
    if index >= len(layout.numeric):
        return lacking
    feature, last = layout.numeric[index], layout.edge_arrays[index].size
    means, counts = now.means(layout)[index], now.numeric[index]
    ends: Sequence[int] = sorted({0, last})
    beyond = sum(int(counts[b]) for b in ends if not feature.low <= means[b] <= feature.high)
    return lacking + float(beyond / total)
