"""One row beside the reference: which of its values are usual, and which are not, from the reference's counts alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

import numpy as np

from app.core.columns import FINITE, State, categories_of, parse_numbers
from app.core.importance import Importance
from app.core.layout import FloatArray, Layout
from app.core.profile import FeatureCounts
from app.core.stats.quantiles import sample_quantile_from_histogram

RARE = 0.01
"""A number is unusual in the outermost such share of the reference on either side, anything else below such a share."""

Usual: TypeAlias = tuple[float, float] | tuple[tuple[str, float], ...]

_SAME = 1e-3
"""Of a feature's scale: a bin whose mean is as near as this to a value holds that value alone, or as good as."""
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

    `below`: share of the reference's numbers that are smaller (a tie counts half). `share`: of the reference's values
    that are the same category, missing as well, or as invalid. `usual`: (10 %, 90 %) of the numbers, or the most
    frequent categories with their shares. `span`: the smallest and the largest number of the reference. `weight`: how
    much the feature tells, 0 to 1. What is not known, or does not apply, is None.
    """

    name: str
    value: Any
    place: Place
    below: float | None = None
    share: float | None = None
    usual: Usual | None = None
    span: tuple[float, float] | None = None
    weight: float | None = None

    @property
    def outside(self) -> bool:
        """True where nothing in the reference is like it."""
        if self.place in (Place.MISSING, Place.INVALID):
            return self.share == 0
        return self.place in (Place.BELOW, Place.ABOVE, Place.NEW)

    @property
    def strange(self) -> bool:
        """True where the reference rarely or never has such a value."""
        if self.place in (Place.MISSING, Place.INVALID):
            return self.share is not None and self.share < RARE
        return self.place not in (Place.USUAL, Place.UNKNOWN)


@dataclass(frozen=True, slots=True, eq=False)
class Typical:
    """What the reference's rows look like, feature by feature: enough to place any value in it.

    `counts` are those of all its windows, `means` [F, BINS] those of their bins, `missing` the share of each feature's
    values that are missing (None: there are none at all), `weights` how much each feature tells.
    """

    layout: Layout
    counts: FeatureCounts
    means: FloatArray
    missing: Mapping[str, float | None]
    weights: Mapping[str, float | None]

    @classmethod
    def of(cls, layout: Layout, counts: FeatureCounts, importance: Mapping[str, Importance]) -> Typical:
        """From the reference's counts."""
        missing, present = counts.missing(layout), counts.present(layout)
        each = zip(layout.feature_names, missing.tolist(), (missing + present).tolist(), strict=True)
        shares = {name: absent / total if total else None for name, absent, total in each}
        weights = {name: one.weight for name, one in importance.items()}
        return cls(layout, counts, counts.means(layout), shares, weights)

    def compare(self, row: Mapping[str, Any]) -> list[Reading]:
        """The row's features and those it lacks: what the reference never has, what it rarely has, then the others.

        Each of these three in the order of what tells the most about the model's answers; what the layout does not know
        stands last.
        """
        numbers = {one.name: at for at, one in enumerate(self.layout.numbers)}
        categories = {one.name: at for at, one in enumerate(self.layout.categorical)}
        found = []
        for name in self.layout.feature_names:
            value = row.get(name)
            if name in numbers:
                found.append(self._number(numbers[name], name, value))
            elif name in categories:
                found.append(self._category(categories[name], name, value))
            else:
                found.append(self._other(name, value))
        known = frozenset(self.layout.feature_names)
        return sorted(found, key=_order) + not_compared({n: v for n, v in row.items() if n not in known})

    def _number(self, at: int, name: str, value: Any) -> Reading:
        counts, states = self.counts.numeric[at], self.counts.states[at]
        usual, weight = self._usual_numbers(at), self.weights.get(name)
        parsed = parse_numbers([value])
        state = FINITE if parsed.states is None else int(parsed.states[0])
        total = int(counts.sum() + states.sum())
        if state != FINITE:
            share = float(states[state]) / total if total else None
            place = Place.MISSING if state == State.MISSING else Place.INVALID
            return Reading(name, value, place, share=share, usual=usual, weight=weight)
        if usual is None:
            return Reading(name, value, Place.UNKNOWN, weight=weight)
        number, low, high = float(parsed.values[0]), float(self.counts.lowest[at]), float(self.counts.highest[at])
        less, most = self._tails(at, number, low, high)
        place = Place.LOW if most < RARE else Place.HIGH if less > 1 - RARE else Place.USUAL
        if not low <= number <= high:
            place = Place.BELOW if number < low else Place.ABOVE
        return Reading(name, value, place, (less + most) / 2, usual=usual, span=(low, high), weight=weight)

    def _tails(self, at: int, number: float, low: float, high: float) -> tuple[float, float]:
        """Shares of the reference's numbers that are smaller, and that are not larger.

        The values of a bin are taken to lie evenly between its ends, or all to be the same as the number.
        """
        if not low <= number <= high:
            return (0.0, 0.0) if number < low else (1.0, 1.0)
        edges, counts = self.layout.edge_arrays[at], self.counts.numeric[at]
        own = int(np.searchsorted(edges, number, side="right"))
        before, inside, total = int(counts[:own].sum()), int(counts[own]), int(counts.sum())
        if abs(number - self.means[at, own]) <= _SAME * self.layout.numeric[at].scale:
            return before / total, (before + inside) / total
        start = max(float(edges[own - 1]), low) if own > 0 else low
        end = min(float(edges[own]), high) if own < len(edges) else high
        share = (before + inside * (number - start) / (end - start)) / total if end > start else before / total
        return share, share

    def _usual_numbers(self, at: int) -> tuple[float, float] | None:
        counts, edges = self.counts.numeric[at], self.layout.edge_arrays[at]
        if not counts.any():
            return None
        low, high = self.counts.lowest[at], self.counts.highest[at]
        ends = np.clip(np.concatenate([[low], edges, [high]]), low, high)
        first, last = (sample_quantile_from_histogram(counts[: ends.size - 1], ends, q) for q in (0.1, 0.9))
        return float(first), float(last)

    def _category(self, at: int, name: str, value: Any) -> Reading:
        feature, counts = self.layout.categorical[at], self.counts.categories[at]
        present, weight = int(counts.sum()), self.weights.get(name)
        total = present + int(self.counts.absent[at])
        frequent = enumerate(feature.categories[:_MOST_NAMED])
        usual = tuple((one, float(counts[i]) / total) for i, one in frequent) if present else None
        [category] = categories_of([value])
        if category is None:
            return Reading(name, value, Place.MISSING, share=self.missing[name], usual=usual, weight=weight)
        if not present:
            return Reading(name, value, Place.UNKNOWN, weight=weight)
        known = self.layout.category_index[at].get(category)
        # A bucket of the tail holds several values: only an empty one says that this was none of them.
        seen = int(counts[feature.place_of_unknown(category) if known is None else known])
        share = seen / total if known is not None or not seen else None
        place = Place.NEW if not seen else Place.RARE if share is None or share < RARE else Place.USUAL
        return Reading(name, value, place, share=share, usual=usual, weight=weight)

    def _other(self, name: str, value: Any) -> Reading:
        """Of a text or a list, of which only numbers about it are counted."""
        weight = self.weights.get(name)
        if value is None:
            return Reading(name, value, Place.MISSING, share=self.missing[name], weight=weight)
        return Reading(name, value, Place.UNKNOWN, weight=weight)


def not_compared(row: Mapping[str, Any]) -> list[Reading]:
    """The features of a row that there is nothing to compare with."""
    return [Reading(name, value, Place.UNKNOWN) for name, value in row.items()]


def _order(one: Reading) -> tuple[bool, bool, float]:
    return (not one.strange, not one.outside, -(one.weight or 0.0))
