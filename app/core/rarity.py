"""How far out of the ordinary single values of a feature are, by what the reference holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.core.columns import FINITE, Column, State, categories_of, parse_numbers
from app.core.layout import Layout
from app.core.profile import FeatureCounts, FloatArray

Texts: TypeAlias = NDArray[np.object_]

_STATES = {
    State.MISSING: "missing",
    State.NAN: "NaN",
    State.POSITIVE_INFINITY: "infinite",
    State.NEGATIVE_INFINITY: "infinite",
    State.INVALID: "no number",
}


@dataclass(frozen=True, slots=True, eq=False)
class Rarity:
    """[N] values: the share of the reference at least as extreme, the distance from its mean (in sd), and the words.

    A number is as extreme as the smaller tail beyond it, twice; a category and a missing value, as rare as they are.
    """

    share: FloatArray
    distance: FloatArray
    words: Texts

    @property
    def order(self) -> NDArray[np.intp]:
        """The rarest first; of those equally rare, the furthest from the mean."""
        return np.lexsort((-self.distance, self.share))


def rarity(layout: Layout, feature: str, reference: FeatureCounts, column: Column) -> Rarity:
    """Of the values [N] of a column. `reference` are the counts of all its windows."""
    index = layout.column_names.index(feature)
    if index < len(layout.numeric):
        return _of_numbers(layout, index, reference, column)
    return _of_categories(layout, index - len(layout.numeric), reference, column)


def _of_numbers(layout: Layout, f: int, reference: FeatureCounts, column: Column) -> Rarity:
    numbers = parse_numbers(column)
    n = numbers.values.size
    states = np.full(n, FINITE) if numbers.states is None else numbers.states
    finite = states == FINITE
    values = np.where(finite, numbers.values, 0.0)
    counts, total = reference.numeric[f], max(int(reference.numeric[f].sum() + reference.states[f].sum()), 1)
    bins = np.searchsorted(layout.edge_arrays[f], values, side="right")
    # Half of the value's own bin lies on either side of it.
    below = (np.cumsum(counts) - counts / 2)[bins] / max(int(counts.sum()), 1)
    if not counts.any():  # nothing lies beyond nothing
        share = np.zeros(n)
        return Rarity(share, np.zeros(n), np.full(n, _rare(0.0), object))
    lowest, highest, scale = reference.lowest[f], reference.highest[f], layout.numeric[f].scale
    beyond = np.where(finite, np.maximum(np.maximum(lowest - values, values - highest), 0.0) / scale, 0.0)
    share = np.where(beyond > 0, 0.0, 2 * np.minimum(below, 1 - below))
    of_state = np.array([reference.states[f][state] / total for state in State])
    share = np.where(finite, share, of_state[np.where(finite, 0, states)])
    words = np.empty(n, object)
    for at in range(n):
        if not finite[at]:
            words[at] = f"{_STATES[State(int(states[at]))]}; {_rare(share[at])}"
        elif beyond[at] > 0:
            end, word = (lowest, "below") if values[at] < lowest else (highest, "above")
            words[at] = f"{word} all of the reference ({end:.4g})"
        else:
            words[at] = f"{_rare(share[at])} as far out" if share[at] < 0.5 else "ordinary"
    distance = np.where(finite, np.abs(values - layout.numeric[f].mean) / scale, 0.0)
    return Rarity(share, distance, words)


def _of_categories(layout: Layout, g: int, reference: FeatureCounts, column: Column) -> Rarity:
    """A value that is none of the known ones is as rare as all those together that were counted with it, at most."""
    feature, row, known = layout.categorical[g], reference.categories[g], layout.category_index[g]
    absent, total = int(reference.absent[g]), max(int(row.sum() + reference.absent[g]), 1)
    names = categories_of(column)
    share, words = np.zeros(len(names)), np.empty(len(names), object)
    for at, name in enumerate(names):
        if name is None:
            share[at] = absent / total
            words[at] = f"missing; {_rare(share[at])}"
        elif name in known:
            share[at] = row[known[name]] / total
            words[at] = _rare(share[at])
        else:
            share[at] = row[feature.place_of_unknown(name)] / total
            seen = f"among the rare categories of the reference; at most {_rare(share[at])}"
            words[at] = seen if share[at] else "not a known category of the reference"
    return Rarity(share, np.zeros(len(names)), words)


def _rare(share: float) -> str:
    return f"{100 * share:.3g} % of the reference" if share else "never in the reference"
