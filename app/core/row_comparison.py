"""One served row beside the reference: which of its values are usual, and which are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from app.core.columns import FINITE, State, categories_of, parse_numbers
from app.core.feature_json import served_features
from app.core.importance import Importance
from app.core.layout import FloatArray, Layout
from app.core.records import FeatureValue
from app.core.sample import Sample, Values

GRID = 1001
"""Quantiles of a number that are kept: its place in the reference is known to a thousandth."""
RARE = 0.05
"""A value is unusual where it lies in so small a tail, or is (or is missing in) so small a share of the reference."""
_MOST_NAMED = 3


class Place(StrEnum):
    """Where a value stands in the reference."""

    USUAL = "usual"
    LOW = "low"
    HIGH = "high"
    BELOW = "below"
    """Smaller than any of the reference."""
    ABOVE = "above"
    """Larger than any of the reference."""
    RARE = "rare"
    NEW = "new"
    MISSING = "missing"
    INVALID = "invalid"
    """Not finite, or a text where the reference has numbers."""
    UNKNOWN = "unknown"
    """The reference cannot tell."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A feature of the row.

    `below`: share of the reference's numbers that are smaller (a tie counts half). `share`: of the reference's rows
    that have this category, or no value either. `usual`: (10 %, 90 %) of the numbers, or the most frequent categories
    with their shares. `weight`: how much the feature tells, 0 to 1. What is not known is None.
    """

    name: str
    value: FeatureValue
    place: Place
    below: float | None = None
    share: float | None = None
    usual: tuple[float, float] | tuple[tuple[str, float], ...] | None = None
    weight: float | None = None

    @property
    def strange(self) -> bool:
        """True where a reference rarely or never has such a value."""
        if self.place is Place.MISSING:
            return self.share is not None and self.share < RARE
        return self.place not in (Place.USUAL, Place.UNKNOWN)


@dataclass(frozen=True, slots=True, eq=False)
class Typical:
    """What the reference's rows look like, feature by feature: enough to place any value in it.

    `quantiles` [GRID] of each number's values; `shares` of each category's values; `missing` share of each feature.
    """

    layout: Layout
    quantiles: Mapping[str, FloatArray]
    shares: Mapping[str, Mapping[str, float]]
    missing: Mapping[str, float]
    importance: Mapping[str, Importance]

    @classmethod
    def of(cls, layout: Layout, sample: Sample, importance: Mapping[str, Importance]) -> Typical:
        """From a sample of the reference's rows."""
        there = {name: [v for v in values if v is not None] for name, values in sample.features.items()}
        grid = np.linspace(0, 1, GRID)
        quantiles = {
            one.name: np.quantile(np.array(there[one.name], np.float64), grid)
            for one in layout.numbers
            if there.get(one.name)
        }
        shares = {one.name: _shares(sample.features.get(one.name, [])) for one in layout.categorical}
        rows = max(sample.rows, 1)
        missing = {name: (len(values) - len(there[name])) / rows for name, values in sample.features.items()}
        return cls(layout, quantiles, shares, missing, importance)

    def compare(self, features: str) -> list[Reading]:
        """The features of one row (JSON), the most telling first: what the reference never has, what it rarely has, and
        then what tells the most about the model's answers. What the layout does not know is left out.
        """
        columns = served_features(self.layout, [features]).columns
        numbers = {one.name for one in self.layout.numbers}
        found = []
        for name in self.layout.feature_names:
            value = _plain(columns[name][0])
            weight = self.importance[name].weight if name in self.importance else None
            found.append(self._number(name, value, weight) if name in numbers else self._other(name, value, weight))
        return sorted(found, key=_order)

    def _number(self, name: str, value: FeatureValue, weight: float | None) -> Reading:
        grid = self.quantiles.get(name)
        usual = None if grid is None else (float(grid[GRID // 10]), float(grid[GRID - 1 - GRID // 10]))
        if value is None:
            return Reading(name, value, Place.MISSING, share=self.missing.get(name), usual=usual, weight=weight)
        parsed = parse_numbers([value])
        if parsed.states is not None and parsed.states[0] != FINITE:
            place = Place.MISSING if parsed.states[0] == State.MISSING else Place.INVALID
            return Reading(name, value, place, share=self.missing.get(name), usual=usual, weight=weight)
        if grid is None:
            return Reading(name, value, Place.UNKNOWN, weight=weight)
        less, most = (np.searchsorted(grid, parsed.values[0], side) / GRID for side in ("left", "right"))
        return Reading(name, value, _tail(less, most), float(less + most) / 2, usual=usual, weight=weight)

    def _other(self, name: str, value: FeatureValue, weight: float | None) -> Reading:
        shares = self.shares.get(name)
        if shares is None:  # a list, or what columns are derived from
            return Reading(name, value, Place.UNKNOWN, weight=weight)
        usual = tuple(shares.items())[:_MOST_NAMED]
        [category] = categories_of([value])
        if category is None:
            return Reading(name, value, Place.MISSING, share=self.missing.get(name), usual=usual, weight=weight)
        share = shares.get(category, 0.0)
        known = next(one for one in self.layout.categorical if one.name == name)
        is_new = share == 0 and not known.tail and category not in known.categories
        place = Place.NEW if is_new else Place.RARE if share < RARE else Place.USUAL
        return Reading(name, value, place, share=share, usual=usual, weight=weight)


def _order(one: Reading) -> tuple[bool, bool, float, str]:
    never = one.place in (Place.BELOW, Place.ABOVE, Place.NEW, Place.INVALID)
    return (not one.strange, not never, -(one.weight or 0.0), one.name)


def _shares(values: Values) -> dict[str, float]:
    """Of all rows, the most frequent first."""
    counts = Counter(str(value) for value in values if value is not None)
    return {name: n / len(values) for name, n in counts.most_common()}


def _tail(less: float, most: float) -> Place:
    """`less`: share of the reference below the value; `most`: share at or below it."""
    if most == 0:
        return Place.BELOW
    if less == 1:
        return Place.ABOVE
    return Place.LOW if most <= RARE else Place.HIGH if less >= 1 - RARE else Place.USUAL


def _plain(value: object) -> FeatureValue:
    """The value as Python has it: served numbers come in arrays."""
    return value.item() if isinstance(value, np.generic) else value  # type: ignore[return-value]
