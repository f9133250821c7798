"""For the same prediction, does the offline pipeline compute the value of a feature that was served?

Numbers are the same when they differ by at most a millionth of the larger one, or of the feature's own spread where
that is more: two orders of summing, or single precision, make that much of one value. NaN is the same as NaN and an
infinity as itself. All else must be equal, and a value that one side lacks differs from every value of the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec
import numpy as np
from numpy.typing import NDArray

from app.core.columns import FINITE, categories_of, parse_numbers
from app.core.fold import Cell, cells
from app.core.layout import Layout
from app.core.model import WindowLength
from app.core.profile import FloatArray, IntArray, OutcomeCounts
from app.core.records import FeatureValue
from app.core.segments import Grouping

TOLERANCE = 1e-6
_LARGEST = float(np.finfo(np.float64).max)

_decode = msgspec.json.Decoder(list[dict[str, FeatureValue]]).decode
_Objects = Sequence[Mapping[str, FeatureValue]]


def fold_parity(
    layout: Layout,
    times: IntArray,
    served: Sequence[str],
    offline: Sequence[str],
    window: WindowLength,
    groupings: Sequence[Grouping] = (),
) -> dict[Cell, OutcomeCounts]:
    """The comparison of N predictions' features as served and as computed offline (JSON objects), and nothing else.

    A feature that the offline object does not name is not compared; one that it gives as null is.
    """
    compared, gaps, different = _compare(layout, _objects(served), _objects(offline))
    empty = OutcomeCounts.empty(layout)
    return {
        cell: replace(
            empty,
            parity=np.stack([compared[index].sum(axis=0), different[index].sum(axis=0)], axis=-1).astype(np.int64),
            parity_gaps=gaps[index].max(axis=0, initial=0.0),
        )
        for cell, index in cells(times, window, groupings)
    }


def _objects(texts: Sequence[str]) -> _Objects:
    return _decode(f"[{','.join(texts)}]")


def _compare(
    layout: Layout, served: _Objects, offline: _Objects
) -> tuple[NDArray[np.bool_], FloatArray, NDArray[np.bool_]]:
    """[N, F] each: compared, by how much a number differs, and whether it differs."""
    shape = (len(served), len(layout.feature_names))
    compared, different, gaps = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_), np.zeros(shape)
    scales = {feature.name: feature.scale for feature in layout.numbers}
    for f, name in enumerate(layout.feature_names):
        compared[:, f] = [name in row for row in offline]
        if compared[:, f].any():
            one, other = [row.get(name) for row in served], [row.get(name) for row in offline]
            if name in scales:
                different[:, f], gaps[:, f] = _numbers_differ(one, other, scales[name])
            else:
                different[:, f] = _others_differ(one, other)
    return compared, np.where(compared, gaps, 0.0), different & compared


def _numbers_differ(
    one: Sequence[FeatureValue], other: Sequence[FeatureValue], scale: float
) -> tuple[NDArray[np.bool_], FloatArray]:
    """[N] whether two numbers differ, and by how much where both are finite."""
    a, b = parse_numbers(one), parse_numbers(other)
    finite = np.full(len(one), FINITE, np.int8)
    kind, other_kind = (finite if side.states is None else side.states for side in (a, b))
    both = (kind == FINITE) & (other_kind == FINITE)
    x, y = np.where(both, a.values, 0.0), np.where(both, b.values, 0.0)
    with np.errstate(over="ignore"):  # the difference of the largest doubles
        gap = np.minimum(np.abs(x - y), _LARGEST)
    allowed = TOLERANCE * np.maximum(np.maximum(np.abs(x), np.abs(y)), scale)
    # Two values that are no numbers at all are compared as what they are.
    unequal = np.where(kind == other_kind, _others_differ(one, other) & (kind > _LAST_NUMBER), True)
    return np.where(both, gap > allowed, unequal), gap


_LAST_NUMBER = 3  # State.NEGATIVE_INFINITY: up to it a state says all about the value


def _others_differ(one: Sequence[FeatureValue], other: Sequence[FeatureValue]) -> NDArray[np.bool_]:
    """[N] categories by their canonical names, lists number by number."""
    names = zip(categories_of(one), categories_of(other), strict=True)
    differ = np.fromiter((a != b for a, b in names), np.bool_, len(one))
    for row in np.flatnonzero(differ).tolist():
        a, b = one[row], other[row]
        if isinstance(a, list) and isinstance(b, list) and len(a) == len(b) and a:
            size = float(np.abs(parse_numbers(a).finite()).max(initial=0.0)) or 1.0
            differ[row] = _numbers_differ(a, b, size)[0].any()
    return differ
