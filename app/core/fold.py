"""Rows into profiles: the one place where raw values are counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.core.columns import FINITE, Column, Numbers, categories_of, parse_numbers
from app.core.label_delay import delay_counts
from app.core.layout import BINS, CategoricalFeature, Grid, Layout
from app.core.losses import Codes
from app.core.model import Source, Task, WindowLength
from app.core.multivariate import Squares
from app.core.profile import (
    LATENCY_BINS,
    LATENCY_EDGES,
    WRONG,
    FeatureCounts,
    FloatArray,
    IntArray,
    OutcomeCounts,
    Profile,
)
from app.core.replays import checksums, replays
from app.core.segments import NO_SEGMENT, Grouping

BoolArray: TypeAlias = NDArray[np.bool_]
Index: TypeAlias = slice | NDArray[np.intp]
Cell: TypeAlias = tuple[str, datetime]
"""A segment, or WHOLE, and the start of a window."""

WHOLE = ""
UNKNOWN = -1
NEVER = np.iinfo(np.int64).min
_UNSEEN = -2  # a category that the reference did not have
_USER = tuple(Source).index(Source.USER)
_LARGEST_OFFSET = 2**40  # about 2.7e8 scales beyond the end bins; values further out count as that far
_LARGEST_INSIDE = 2**13  # offset steps within an inner bin, which is 2^12 of them wide


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What is known so far about the truth of N predictions.

    `label_class` [N] class names or None; `label_value` [N] floats, NaN where unknown; `source` [N] index into Source,
    UNKNOWN where there is no label; `shown`, `corrected`, `audited` [N] booleans; `labelled_at` [N] when ground truth
    or an audit first gave a label, in microseconds since 1970, NEVER where that is not known.
    """

    label_class: NDArray[np.object_]
    label_value: FloatArray
    source: NDArray[np.int8]
    shown: BoolArray
    corrected: BoolArray
    audited: BoolArray
    labelled_at: IntArray

    @classmethod
    def unknown(cls, rows: int) -> Truth:
        no = np.zeros(rows, np.bool_)
        return cls(
            np.full(rows, None, object),
            np.full(rows, np.nan),
            np.full(rows, UNKNOWN, np.int8),
            *(no,) * 3,
            np.full(rows, NEVER),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """N predictions as columns. `times` [N] are microseconds since 1970 in UTC; `latency_ms` is NaN where missing.

    In a list None marks a missing value; in an array of floats NaN is a NaN that was served. `inputs` are the features
    as they were received and `unknown` [N] how many of them the layout does not know; where rows do not come from a
    service, neither is given.
    """

    times: IntArray
    predicted_class: Sequence[str | None]
    predicted_value: Column
    score: Column
    latency_ms: FloatArray
    truth: Truth
    features: Mapping[str, Column]
    inputs: Sequence[str] = ()
    unknown: IntArray | None = None


def fold(layout: Layout, rows: Rows, window: WindowLength) -> dict[datetime, Profile]:
    """One profile per window that the rows touch, by the window's start."""
    return {start: profile for (_, start), profile in fold_segments(layout, rows, window, ()).items()}


def fold_segments(
    layout: Layout, rows: Rows, window: WindowLength, groupings: Sequence[Grouping]
) -> dict[Cell, Profile]:
    """One profile per segment and window that the rows touch, those of the whole among them."""
    features = _encode_features(layout, rows)
    served = _encode_served(layout, rows, features)
    return {
        cell: _profile(layout, features.pick(index), served.pick(index), rows.inputs)
        for cell, index in cells(rows.times, window, groupings)
    }


def fold_whole(layout: Layout, rows: Rows) -> Profile:
    """All rows as one profile, whatever their time."""
    features = _encode_features(layout, rows)
    return _profile(layout, features, _encode_served(layout, rows, features), rows.inputs)


def fold_truth(
    layout: Layout, rows: Rows, window: WindowLength, groupings: Sequence[Grouping] = ()
) -> dict[Cell, OutcomeCounts]:
    """Only what depends on labels and reviews: to add when a truth is learnt, to subtract when it is replaced."""
    served = _encode_served(layout, rows, None)
    return {cell: _truth_counts(layout, served.pick(index)) for cell, index in cells(rows.times, window, groupings)}


def cells(times: IntArray, window: WindowLength, groupings: Sequence[Grouping]) -> Iterator[tuple[Cell, Index]]:
    """Each window as a whole and by its segments, with the rows in it."""
    for start, index in _windows(times, window):
        yield (WHOLE, start), index
        for grouping in groupings:
            codes = grouping.codes[index]
            for code in np.unique(codes[codes != NO_SEGMENT]).tolist():
                within = np.flatnonzero(codes == code)
                yield (grouping.names[code], start), within if isinstance(index, slice) else index[within]


def loss_codes(layout: Layout, rows: Rows) -> list[Codes]:
    """[N] codes of every column of the layout, in its order, then of the predicted value, for `Losses`."""
    features = _encode_features(layout, rows)
    bin_ = _score_bins(layout, parse_numbers(rows.predicted_value))
    places = [*range(len(layout.column_names)), None]
    return [_loss_codes(layout, features, bin_, place) for place in places]


def _windows(times: IntArray, window: WindowLength) -> Iterator[tuple[datetime, Index]]:
    """Each window's start and the rows in it."""
    length = int(window.delta.total_seconds()) * 1_000_000
    starts = times - times % length
    order = np.argsort(starts, kind="stable")
    unique, first = np.unique(starts[order], return_index=True)
    for start, index in zip(unique.tolist(), np.split(order, first[1:]), strict=True):
        everything = index.size == times.size  # the usual case for live traffic: spare the copies
        yield datetime.fromtimestamp(start // 1_000_000, UTC), slice(None) if everything else index


@dataclass(frozen=True, slots=True, eq=False)
class _Features:
    """Parsed feature columns: numbers, and category codes (UNKNOWN = missing)."""

    numeric: list[Numbers]
    latent: list[Numbers]
    categorical: list[NDArray[np.intp]]
    squares: Squares | None

    def pick(self, index: Index) -> _Features:
        if isinstance(index, slice):
            return self
        numeric, latent = ([one.take(index) for one in columns] for columns in (self.numeric, self.latent))
        squares = None if self.squares is None else self.squares[:, index]
        return _Features(numeric, latent, [codes[index] for codes in self.categorical], squares)


def _encode_features(layout: Layout, rows: Rows) -> _Features:
    missing: Column = [None] * rows.times.size
    numeric = [parse_numbers(rows.features.get(f.name, missing)) for f in layout.numbers]
    for derived in layout.derived:
        numeric += derived.derive(rows.features.get(derived.name, missing))
    latent = [n for e in layout.embeddings for n in e.derive(rows.features.get(e.name, missing))]
    categorical = []
    for feature, index in zip(layout.categorical, layout.category_index, strict=True):
        names = categories_of(rows.features.get(feature.name, missing))
        if feature.tail:
            index = _with_tail(feature, index, names)
        codes = [UNKNOWN if name is None else index.get(name, _UNSEEN) for name in names]
        categorical.append(np.array(codes, dtype=np.intp))
    squares = None
    if layout.multivariate is not None:
        error, squares = layout.multivariate.errors(numeric)
        latent.append(error)
    return _Features(numeric, latent, categorical, squares)


def _with_tail(feature: CategoricalFeature, index: Mapping[str, int], names: Sequence[str | None]) -> Mapping[str, int]:
    """The index with the bucket of every value among `names` that it does not know."""
    others = {name for name in names if name is not None} - index.keys()
    return {**index, **{name: feature.place_of_unknown(name) for name in others}}


@dataclass(frozen=True, slots=True, eq=False)
class _Served:
    """Predictions and their truth as small codes, [N] each."""

    predicted: NDArray[np.intp]  # class, UNKNOWN when the model decided nothing
    bin: NDArray[np.intp]  # score bin; the last one when there is no finite score
    state: NDArray[np.int8]  # State of the score, or FINITE
    score: FloatArray  # NaN where it is not finite
    true: NDArray[np.intp]  # class, UNKNOWN when unlabelled
    right: NDArray[np.intp]  # WRONG or RIGHT, UNKNOWN when unlabelled
    error: FloatArray  # predicted minus true value, NaN unless both are finite
    source: NDArray[np.int8]
    shown: BoolArray
    corrected: BoolArray
    audited: BoolArray
    delay: FloatArray  # seconds from the prediction to its first label, NaN where not known
    latency: FloatArray
    unknown: IntArray  # features that the layout does not know
    checksum: FloatArray  # of the input, NaN where it is not known
    row: NDArray[np.intp]  # position among the rows
    expected: IntArray  # [N, 2] expected absolute and squared error in steps, 0 where there is no prediction

    def pick(self, index: Index) -> _Served:
        return _Served(*(getattr(self, f.name)[index] for f in fields(self)))


def _encode_served(layout: Layout, rows: Rows, features: _Features | None) -> _Served:
    """Without `features`, as when only labels are counted, no error is expected."""
    regression = layout.task is Task.REGRESSION
    size = rows.times.size
    score = parse_numbers(rows.predicted_value if regression else rows.score)
    state = np.full(size, FINITE, np.int8) if score.states is None else score.states
    bin_ = _score_bins(layout, score)
    finite = np.where(state == FINITE, score.values, np.nan)
    truth = rows.truth
    labelled = truth.source != UNKNOWN
    if regression:
        predicted = np.where(state == FINITE, 0, UNKNOWN)
        error = finite - truth.label_value
        true = right = np.where(labelled & np.isfinite(error), 0, UNKNOWN)
    else:
        predicted = _class_codes(layout, rows.predicted_class)
        true = np.where(labelled, _class_codes(layout, truth.label_class), UNKNOWN)
        error = np.full(size, np.nan)
        right = np.where(labelled & (predicted != UNKNOWN), _agree(layout, rows, predicted, true), UNKNOWN)
    return _Served(
        predicted.astype(np.intp),
        bin_,
        state,
        finite,
        true.astype(np.intp),
        right.astype(np.intp),
        error,
        truth.source,
        truth.shown,
        truth.corrected,
        truth.audited,
        _delays(rows),
        rows.latency_ms,
        np.zeros(size, np.int64) if rows.unknown is None else rows.unknown,
        checksums(rows.inputs) if rows.inputs else np.full(size, np.nan),
        np.arange(size),
        _expected_errors(layout, features, bin_),
    )


def _score_bins(layout: Layout, score: Numbers) -> NDArray[np.intp]:
    bins = np.searchsorted(layout.score_edges, score.values, side="right")
    return bins if score.states is None else np.where(score.states == FINITE, bins, layout.score_bins)


def _expected_errors(layout: Layout, features: _Features | None, bin_: NDArray[np.intp]) -> IntArray:
    """[N, 2] in steps; a row without a finite prediction has no error to expect."""
    losses = layout.losses
    if features is None or losses is None:
        return np.zeros((bin_.size, 2), np.int64)
    codes = [_loss_codes(layout, features, bin_, one.feature) for one in losses.inputs]
    return np.where((bin_ < layout.score_bins)[:, None], losses.expected_steps(codes), 0)


def _loss_codes(layout: Layout, features: _Features, bin_: NDArray[np.intp], place: int | None) -> Codes:
    """A number's bin, or BINS + its state; a category's place, the one behind them all where it is missing, and the
    next where the reference did not have it.
    """
    if place is None:
        return bin_.astype(np.uint8)
    if place >= len(layout.numeric):
        g = place - len(layout.numeric)
        known, codes = layout.categorical[g].places, features.categorical[g]
        return np.where(codes < 0, known - 1 - codes, codes).astype(np.uint8)
    numbers = features.numeric[place]
    bins = np.searchsorted(layout.edge_arrays[place], numbers.values, side="right")
    if numbers.states is not None:
        bins = np.where(numbers.states == FINITE, bins, numbers.states.astype(np.intp) + BINS)
    return bins.astype(np.uint8)


def _delays(rows: Rows) -> FloatArray:
    """[N] seconds."""
    told = rows.truth.labelled_at != NEVER
    return np.where(told, (np.where(told, rows.truth.labelled_at, 0) - rows.times) / 1e6, np.nan)


def _class_codes(layout: Layout, names: Sequence[str | None] | NDArray[np.object_]) -> NDArray[np.intp]:
    index, other = layout.class_index, layout.unknown_class
    return np.array([UNKNOWN if name is None else index.get(name, other) for name in names], dtype=np.intp)


def _agree(layout: Layout, rows: Rows, predicted: NDArray[np.intp], true: NDArray[np.intp]) -> BoolArray:
    if layout.task is Task.BINARY:
        return np.equal(predicted, true)
    # By name: two different classes that the layout does not know share one code.
    labels: list[str | None] = rows.truth.label_class.tolist()
    pairs = zip(rows.predicted_class, labels, strict=True)
    return np.array([said == truth for said, truth in pairs], dtype=np.bool_)


def _profile(layout: Layout, features: _Features, served: _Served, inputs: Sequence[str]) -> Profile:
    outcomes = _served_counts(layout, served, inputs) + _truth_counts(layout, served)
    return Profile(_feature_counts(layout, features), outcomes)


def _feature_counts(layout: Layout, features: _Features) -> FeatureCounts:
    counts = FeatureCounts.empty(layout)
    for f, numbers in enumerate(features.numeric):
        counts.states[f] = numbers.state_counts()
        values = np.sort(numbers.finite())
        if values.size:
            counts.lowest[f], counts.highest[f] = values[0], values[-1]
            counts.numeric[f], counts.offsets[f] = _bin(layout.grid, f, values)
    if features.squares is not None:
        counts.residuals[:] = features.squares.sum(axis=1, dtype=np.int64)
    for f, numbers in enumerate(features.latent):
        counts.latent_states[f] = numbers.state_counts()
        values = np.sort(numbers.finite())
        if values.size:
            counts.latent[f], counts.latent_offsets[f] = _bin(layout.latent_grid, f, values)
    for g, codes in enumerate(features.categorical):
        present = codes[codes != UNKNOWN]
        width = counts.categories.shape[-1]
        counts.absent[g] = codes.size - present.size
        counts.categories[g] = np.bincount(np.where(present == _UNSEEN, width - 1, present), minlength=width)
    return counts


def _bin(grid: Grid, column: int, values: FloatArray) -> tuple[IntArray, IntArray]:
    """Counts and offset sums [BINS] of sorted finite values.

    Sorting first is several times faster than looking up each value's bin: numpy sorts with vector instructions,
    and afterwards 127 look-ups do for the whole column.
    """
    positions = np.searchsorted(values, grid.edges[column])
    starts = np.concatenate([[0], positions])
    counts = np.diff(starts, append=values.size)
    with np.errstate(over="ignore"):  # a value near the largest double: the clip below is meant for it
        steps = values - np.repeat(grid.centres[column, : counts.size], counts)
        steps /= np.repeat(grid.quanta[column, : counts.size], counts)
    np.rint(steps, out=steps)
    for end in (steps[: counts[0]], steps[starts[-1] :]):  # the others are no wider than their bin
        np.clip(end, -_LARGEST_OFFSET, _LARGEST_OFFSET, out=end)
    filled = np.flatnonzero(counts)
    all_counts, offsets = np.zeros(BINS, np.int64), np.zeros(BINS, np.int64)
    all_counts[: counts.size] = counts
    # Sums of whole floats are exact up to 2^53, and spare turning each into an integer.
    exact = values.size * max(-steps[0], steps[-1], _LARGEST_INSIDE) < 2**53
    offsets[filled] = np.add.reduceat(steps if exact else steps.astype(np.int64), starts[filled])
    return all_counts, offsets


def _served_counts(layout: Layout, served: _Served, inputs: Sequence[str]) -> OutcomeCounts:
    """What is known at once: predictions, scores, latency and inputs."""
    empty = OutcomeCounts.empty(layout)
    decided = served.predicted != UNKNOWN
    states = served.state[served.state != FINITE]
    scores = served.score[np.isfinite(served.score)]
    latency = served.latency[np.isfinite(served.latency)]
    bins = np.clip(np.searchsorted(LATENCY_EDGES, latency, side="right") - 1, 0, LATENCY_BINS - 1)
    return replace(
        empty,
        rows=np.array(served.predicted.size, np.int64),
        predicted=_count(empty.predicted, (served.predicted, served.bin), decided),
        score_states=np.bincount(states, minlength=empty.score_states.size).astype(np.int64),
        latency=np.bincount(bins, minlength=LATENCY_BINS).astype(np.int64),
        expected_errors=served.expected.sum(axis=0),
        score_marks=np.array([((scores < 0) | (scores > 1)).sum(), (scores == 0).sum(), (scores == 1).sum()], np.int64),
        lowest_score=np.array(scores.min(initial=np.inf)),
        highest_score=np.array(scores.max(initial=-np.inf)),
        unknown=np.array(served.unknown.sum(), np.int64),
        replays=replays(inputs, served.row, served.checksum, served.score),
    )


def _truth_counts(layout: Layout, served: _Served) -> OutcomeCounts:
    """What is known only from labels and reviews."""
    empty = OutcomeCounts.empty(layout)
    # What users correct is a biased choice of rows: it is counted, and never enters a measure of quality.
    known = served.right >= WRONG
    judged = known & (served.source != _USER)
    cell = (served.predicted, served.right, served.bin)
    finite = judged & np.isfinite(served.error)
    error = np.clip(served.error[finite], -layout.largest_error, layout.largest_error)
    return replace(
        empty,
        outcomes=_count(empty.outcomes, cell, judged),
        audits=_count(empty.audits, cell, judged & served.audited),
        confusion=_count(empty.confusion, (served.predicted, served.true), judged),
        label_delays=delay_counts(served.delay[judged & np.isfinite(served.delay)]),
        labels=np.bincount(served.source[known], minlength=len(Source)).astype(np.int64),
        review=np.array([served.shown.sum(), served.corrected.sum()], np.int64),
        errors=np.array([np.abs(error).sum(), (error**2).sum(), error.sum()]),
    )


def _count(like: IntArray, codes: tuple[NDArray[np.intp], ...], chosen: BoolArray) -> IntArray:
    """How many of the chosen rows fall into each cell of an array shaped like `like`."""
    flat = np.ravel_multi_index(tuple(code[chosen] for code in codes), like.shape)
    return np.bincount(flat, minlength=like.size).reshape(like.shape).astype(np.int64)
