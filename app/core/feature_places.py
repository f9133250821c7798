"""One row beside the reference: how unusual each of its features is, from the reference's counts alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from app.core.columns import FINITE, State, categories_of, parse_numbers
from app.core.layout import Layout
from app.core.profile import FeatureCounts


class Place(StrEnum):
    """Where a value lies."""

    USUAL = "usual"
    RARE = "rare"
    OUTSIDE = "outside"
    """Nothing in the reference is like it."""
    MISSING = "missing"
    UNKNOWN = "unknown"
    """There is nothing to compare it with."""


RARE_SHARE = 0.01
"""A category or a missing value is rare below this share of the reference, a number in its outermost such share."""

_SAME = 1e-3
"""Of a feature's scale: a bin whose mean is as near as this to a value holds that value alone, or as good as."""


@dataclass(frozen=True, slots=True)
class FeaturePlace:
    """A feature of the row. `percentile`: share of the reference's values below a number (of equal ones, half counts).

    `share`: of the reference's values that are the same category, or missing as well. `low` and `high`: the smallest
    and largest number of the reference. None: does not apply.
    """

    name: str
    value: Any
    place: Place
    percentile: float | None = None
    share: float | None = None
    low: float | None = None
    high: float | None = None


def compare_row(layout: Layout | None, reference: FeatureCounts | None, row: Mapping[str, Any]) -> list[FeaturePlace]:
    """The features of the row and those of the reference that it lacks: the reference's first, in its order."""
    if layout is None or reference is None:
        return [FeaturePlace(name, value, Place.UNKNOWN) for name, value in row.items()]
    numbers = {feature.name: index for index, feature in enumerate(layout.numbers)}
    categories = {feature.name: index for index, feature in enumerate(layout.categorical)}
    found = []
    for name in layout.feature_names:
        value = row.get(name)
        if name in numbers:
            found.append(_number(layout, reference, numbers[name], name, value))
        elif name in categories:
            found.append(_category(layout, reference, categories[name], name, value))
        else:  # a text or a list, of which only numbers about it are counted
            found.append(FeaturePlace(name, value, Place.MISSING if value is None else Place.UNKNOWN))
    known = frozenset(layout.feature_names)
    return found + [FeaturePlace(name, value, Place.UNKNOWN) for name, value in row.items() if name not in known]


def strangest(found: Sequence[FeaturePlace]) -> list[FeaturePlace]:
    """The same, what is outside of the reference first, then what is rare; otherwise in their order."""
    order = (Place.OUTSIDE, Place.RARE, Place.MISSING, Place.USUAL, Place.UNKNOWN)
    return sorted(found, key=lambda one: order.index(one.place))


def _number(layout: Layout, reference: FeatureCounts, at: int, name: str, value: Any) -> FeaturePlace:
    counts, states = reference.numeric[at], reference.states[at]
    low, high = float(reference.lowest[at]), float(reference.highest[at])
    parsed = parse_numbers([value])
    state = FINITE if parsed.states is None else int(parsed.states[0])
    total, present = int(counts.sum() + states.sum()), int(counts.sum())
    if state != FINITE:
        share = float(states[state]) / total if total else None
        place = Place.MISSING if state == State.MISSING else _by_share(share)
        return FeaturePlace(name, value, place, share=share)
    if not present:
        return FeaturePlace(name, value, Place.UNKNOWN)
    number = float(parsed.values[0])
    mean = float(reference.means(layout)[at, np.searchsorted(layout.edge_arrays[at], number, side="right")])
    same = abs(number - mean) <= _SAME * layout.numeric[at].scale
    percentile = _percentile(layout.edge_arrays[at], counts, low, high, number, same=same)
    place = Place.USUAL if RARE_SHARE <= percentile <= 1 - RARE_SHARE else Place.RARE
    if number < low or number > high:
        place = Place.OUTSIDE
    return FeaturePlace(name, value, place, percentile=percentile, low=low, high=high)


def _percentile(edges: Any, counts: Any, low: float, high: float, number: float, *, same: bool) -> float:
    """The share below, where the values of a bin are taken to lie evenly between its ends, or all to be the `same`."""
    if number < low:
        return 0.0
    if number > high:
        return 1.0
    at = int(np.searchsorted(edges, number, side="right"))
    start = max(float(edges[at - 1]), low) if at > 0 else low
    end = min(float(edges[at]), high) if at < len(edges) else high
    within = (number - start) / (end - start) if end > start and not same else 0.5
    return float((counts[:at].sum() + within * counts[at]) / counts.sum())


def _category(layout: Layout, reference: FeatureCounts, at: int, name: str, value: Any) -> FeaturePlace:
    feature, counts, absent = layout.categorical[at], reference.categories[at], int(reference.absent[at])
    [category] = categories_of([value if not isinstance(value, list) else str(value)])
    total = int(counts.sum()) + absent
    if category is None:
        return FeaturePlace(name, value, Place.MISSING, share=absent / total if total else None)
    known = layout.category_index[at].get(category)
    if known is not None:
        share = float(counts[known]) / total if total else 0.0
        return FeaturePlace(name, value, _by_share(share), share=share)
    # A bucket of the tail holds several values: only an empty one says that this was none of them.
    seen = bool(counts[feature.place_of_unknown(category)])
    return FeaturePlace(name, value, Place.RARE if seen else Place.OUTSIDE, share=None if seen else 0.0)


def _by_share(share: float | None) -> Place:
    if not share:
        return Place.OUTSIDE
    return Place.RARE if share < RARE_SHARE else Place.USUAL
