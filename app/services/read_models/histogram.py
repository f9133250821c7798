"""One feature, its reference against what was served, from profiles alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine

from app.core.columns import State
from app.core.fold import WHOLE
from app.core.layout import BINS, OTHER, Layout, NumericFeature
from app.core.profile import FeatureCounts
from app.services.read_models.known import known_column, known_of
from app.storage.engine import snapshot

FloatArray: TypeAlias = NDArray[np.float64]

BARS = 48
MOST_VALUES = 60
MOST_CATEGORIES = 15
_ATOM_WIDTH = 1e-9  # of the feature's scale: narrower bins hold a single value
_STRAY_SHARE = 0.01  # of the reference may lie between the single values of a feature that takes few of them


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One side of the comparison: `shares` [K] of the present values, and what is not among them.

    `missing`, `nan` and `infinite` are shares of all `values`; `mean` is None for categories and for no value.
    """

    shares: FloatArray
    values: int
    missing: float
    nan: float
    infinite: float
    mean: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """A feature's reference (or an earlier span, where one was asked for) and its served values over the same K bars.

    Numeric: `edges` [K+1] of equally wide bars, or `labels` [K] where the feature takes few values. Categories:
    `labels`. `beyond` is the share of the served values outside the edges, counted in the outermost bars.
    """

    feature: str
    edges: FloatArray | None
    labels: tuple[str, ...]
    reference: Side
    now: Side
    beyond: float
    windows: int


def features_of(engine: Engine, version_id: int) -> tuple[str, ...]:
    """The columns that can be compared, numeric ones first; none without a reference."""
    with snapshot(engine) as connection:
        known = known_of(connection, version_id)
        return tuple(known.layout.column_names) if known else ()


def compare(
    engine: Engine,
    version_id: int,
    feature: str,
    *,
    since: datetime,
    until: datetime,
    segment: str = WHOLE,
    earlier: tuple[datetime, datetime] | None = None,
    by_change: bool = False,
) -> Comparison:
    """A column in the reference against the windows that start in [since, until); rolled-up hours come as whole days.

    A feature that has several columns of its own, such as a text, is shown by the first of them. `earlier`: compared
    with those windows in place of the reference. `by_change`: categories come in the order of how much their share
    changed, and those that changed most are shown; otherwise the most frequent ones, in the reference's order.

    Raises NotFoundError when the version's reference has no such feature.
    """
    with snapshot(engine) as connection:
        known = known_of(connection, version_id)
        if known is not None and feature in known.layout.column_of:
            feature = known.layout.column_names[known.layout.column_of[feature]]
        known = known_column(connection, version_id, feature)
        layout = known.layout
        reference = known.served(*earlier, segment)[0] if earlier else known.reference(segment)
        now, windows = known.served(since, until, segment)
    index, numeric = layout.column_names.index(feature), len(layout.numeric)
    if index < numeric:
        return _numeric(layout, index, reference, now, windows)
    return _categorical(layout, index - numeric, reference, now, windows, by_change=by_change)


def _numeric(layout: Layout, f: int, reference: FeatureCounts, now: FeatureCounts, windows: int) -> Comparison:
    feature = layout.numeric[f]
    sides = [_Binned(counts, layout, f) for counts in (reference, now)]
    values = _few_values(layout, f, sides[0], sides[1])
    if values is not None:
        shares = [side.at(values) for side in sides]
        labels, edges, beyond = tuple(f"{value:g}" for value in values), None, 0.0
    else:
        edges = np.linspace(*_range(feature, sides[1]), BARS + 1)
        shares = [side.spread(edges) for side in sides]
        labels, beyond = (), sides[1].beyond(edges)
    return Comparison(feature.name, edges, labels, sides[0].side(shares[0]), sides[1].side(shares[1]), beyond, windows)


class _Binned:
    """The counts of one numeric feature, with where each bin's values lie."""

    def __init__(self, counts: FeatureCounts, layout: Layout, f: int) -> None:
        self.counts = counts.numeric[f].astype(np.float64)
        self.means = counts.means(layout)[f]
        self.states = counts.states[f]
        edges = layout.edge_arrays[f]
        # The end bins are open: their values are taken to lie as far beyond their mean as the mean is from the edge.
        last = edges.size
        self.lower, self.upper = np.full(BINS, np.nan), np.full(BINS, np.nan)
        self.lower[1 : last + 1], self.upper[:last] = edges, edges
        self.lower[0] = max(counts.lowest[f], 2 * self.means[0] - edges[0])
        self.upper[last] = min(counts.highest[f], 2 * self.means[last] - edges[-1])

    def at(self, values: FloatArray) -> FloatArray:
        """[K] share of the bins whose mean is nearest to each value."""
        nearest = np.abs(self.means[:, None] - values).argmin(axis=1)
        return _shares(np.bincount(nearest, self.counts, minlength=values.size))

    def spread(self, edges: FloatArray) -> FloatArray:
        """[K] share per bar: each bin's count spread evenly between its ends, what is beyond in the end bars."""
        filled = self.counts > 0
        lower, upper = self.lower[filled, None], self.upper[filled, None]
        width = np.maximum(upper - lower, np.finfo(np.float64).tiny)
        with np.errstate(over="ignore"):  # a bin of a single value lies wholly on one side: infinitely far, clipped
            below = np.clip((edges[1:-1] - lower) / width, 0.0, 1.0) * self.counts[filled, None]
        total = self.counts.sum()
        return _shares(np.diff(np.concatenate([[0.0], below.sum(axis=0), [total]])))

    def beyond(self, edges: FloatArray) -> float:
        """Share of the values in bins whose mean is outside the edges."""
        outside = (self.means < edges[0]) | (self.means > edges[-1])
        return float(self.counts[outside].sum() / max(self.counts.sum(), 1.0))

    def side(self, shares: FloatArray) -> Side:
        present = self.counts.sum()
        total = present + self.states.sum()
        state = self.states / max(total, 1)
        return Side(
            shares=shares,
            values=int(total),
            missing=float(state[State.MISSING]),
            nan=float(state[State.NAN]),
            infinite=float(state[State.POSITIVE_INFINITY] + state[State.NEGATIVE_INFINITY]),
            mean=float((self.counts * self.means).sum() / present) if present else None,
        )


def _few_values(layout: Layout, f: int, reference: _Binned, now: _Binned) -> FloatArray | None:
    """The values of a feature that takes few of them (a count, an hour, a flag), else None."""
    feature, edges = layout.numeric[f], layout.edge_arrays[f]
    single = np.zeros(BINS, np.bool_)
    single[1 : edges.size] = np.diff(edges) <= _ATOM_WIDTH * feature.scale
    if reference.counts[~single].sum() > _STRAY_SHARE * reference.counts.sum():
        return None
    strays = now.means[~single & (now.counts > 0)]
    values = np.unique(np.concatenate([edges[:-1][single[1 : edges.size]], strays]))
    return values if 0 < values.size <= MOST_VALUES else None


def _range(feature: NumericFeature, now: _Binned) -> tuple[float, float]:
    """The reference's range without its outermost .1 %, widened to what is served by at most its own width each way."""
    width = (feature.high - feature.low) or feature.scale
    filled = now.counts > 0
    lowest, highest = (now.lower[filled].min(), now.upper[filled].max()) if filled.any() else (np.inf, -np.inf)
    low = max(min(feature.low, float(lowest)), feature.low - width)
    high = min(max(feature.high, float(highest)), feature.high + width)
    return (low, high) if high > low else (low - width / 2, low + width / 2)


def _categorical(
    layout: Layout, g: int, reference: FeatureCounts, now: FeatureCounts, windows: int, *, by_change: bool
) -> Comparison:
    feature = layout.categorical[g]
    known = len(feature.categories)
    shown = [_by_category(counts, g, known) for counts in (reference, now)]
    shares = np.array([_shares(counts) for counts in shown])
    if by_change:
        kept = np.argsort(-np.abs(shares[1] - shares[0])[:known], kind="stable")[:MOST_CATEGORIES]
    else:
        kept = np.sort(np.argsort(-shares.max(axis=0)[:known], kind="stable")[:MOST_CATEGORIES])
    rest = 1.0 - shares[:, kept].sum(axis=1) if shares.size else np.zeros(2)
    labels = (*(feature.categories[i] for i in kept), OTHER)
    bars = np.column_stack([shares[:, kept], np.clip(rest, 0.0, 1.0) * (shares.sum(axis=1) > 0)])
    sides = [
        _category_side(bar, counts.sum(), int(part.absent[g]))
        for bar, counts, part in zip(bars, shown, (reference, now), strict=True)
    ]
    return Comparison(feature.name, None, labels, sides[0], sides[1], 0.0, windows)


def _by_category(counts: FeatureCounts, g: int, known: int) -> FloatArray:
    """[known + 1] values per known category, then all others."""
    row = counts.categories[g]
    return np.append(row[:known], row[known:].sum()).astype(np.float64)


def _category_side(shares: FloatArray, present: float, absent: int) -> Side:
    total = int(present) + absent
    return Side(shares, total, absent / max(total, 1), 0.0, 0.0, None)


def _shares(counts: Iterable[float] | FloatArray) -> FloatArray:
    counts = np.asarray(counts, dtype=np.float64)
    total = counts.sum()
    return np.asarray(counts / total) if total else counts
