"""Learning what a regression model's error is expected to be from the labelled rows of its reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.fold import Rows, Truth, loss_codes
from app.core.importance import binned, informational_correlation
from app.core.layout import Layout
from app.core.losses import (
    CODES,
    DEPTH,
    LEAST_ROWS,
    LEAVES,
    MOST_INPUTS,
    NODES,
    BoostedTrees,
    Codes,
    FloatArray,
    Losses,
    LossInput,
    LossTree,
)
from app.core.reservoir import Part, with_gaps

FIT_ROWS = 20_000
TREES = 40
LEARNING_RATE = 0.15
SEED = 0


def fit_losses(layout: Layout, columns: Mapping[str, Part], predicted: FloatArray, label: FloatArray) -> Losses | None:
    """Trees of the absolute and the squared error, learnt from at most FIT_ROWS rows.

    `columns`: the raw features; `predicted` and `label`: NaN where unknown; all [N]. None where fewer than LEAST_ROWS
    rows have both.
    """
    chosen = np.flatnonzero(np.isfinite(predicted) & np.isfinite(label))
    if chosen.size < LEAST_ROWS:
        return None
    if chosen.size > FIT_ROWS:
        chosen = np.sort(np.random.default_rng(SEED).choice(chosen, FIT_ROWS, replace=False))
    # Halves, since the distance of the largest numbers is none.
    error = 2 * np.abs(predicted[chosen] / 2 - label[chosen] / 2).clip(max=layout.largest_error / 2)
    codes = loss_codes(layout, _rows(columns, predicted, chosen))
    places = _places(codes, error)
    chosen_codes = [codes[-1 if place is None else place] for place in places]
    order = np.lexsort((error, *chosen_codes))  # whatever order the rows came in, the trees are the same
    error, sorted_codes = error[order], [one[order] for one in chosen_codes]
    pairs = zip(places, sorted_codes, strict=True)
    inputs = [LossInput(place, _ranks(layout, place, one, error)) for place, one in pairs]
    seen = np.column_stack([one.rank_by_code()[codes] for one, codes in zip(inputs, sorted_codes, strict=True)])
    return Losses(inputs, _boosted(seen, error), _boosted(seen, error**2))


def _rows(columns: Mapping[str, Part], predicted: FloatArray, chosen: NDArray[np.intp]) -> Rows:
    """The chosen rows as the fold takes them."""
    n = chosen.size
    return Rows(
        times=np.zeros(n, np.int64),
        predicted_class=[None] * n,
        predicted_value=predicted[chosen],
        score=[None] * n,
        latency_ms=np.full(n, np.nan),
        truth=Truth.unknown(n),
        features={name: with_gaps(part[chosen]) for name, part in columns.items()},
    )


def _places(codes: Sequence[Codes], error: FloatArray) -> list[int | None]:
    """The features that tell most about the error, and the predicted value (None)."""
    # What is the same everywhere tells nothing; so do derived columns, whose raw values were not kept.
    places = [place for place in range(len(codes) - 1) if np.ptp(codes[place]) > 0]
    if len(places) >= MOST_INPUTS:
        size = binned(error.tolist())
        # In as few bins as the error: of 128, chance would hide what a few hundred rows tell.
        told = np.array([informational_correlation(binned(codes[place].tolist()), size) for place in places])
        places = sorted(np.argsort(-told, kind="stable")[: MOST_INPUTS - 1].tolist())
    return [*places, None]


def _ranks(layout: Layout, place: int | None, codes: Codes, error: FloatArray) -> list[int]:
    """A category's codes in the order of their mean error; those that no row has take the overall mean."""
    if place is None or place < len(layout.numeric):
        return []
    count = layout.categorical[place - len(layout.numeric)].places + 2
    rows = np.bincount(codes, minlength=count)
    sums = np.bincount(codes, weights=error / error.size, minlength=count)
    means = np.where(rows > 0, sums / np.maximum(rows, 1), (error / error.size).mean())
    ranks = np.empty(count, np.int64)
    ranks[np.argsort(means, kind="stable")] = np.arange(count)
    return [int(rank) for rank in ranks]


def _boosted(inputs: NDArray[np.uint8], target: FloatArray) -> BoostedTrees:
    """Gradient-boosted trees for the mean of `target` [N]."""
    # Most imports of references are of classifiers, and loading scikit-learn takes a second.
    from sklearn.ensemble import GradientBoostingRegressor  # noqa: PLC0415

    base, scale = float(target.mean()), float(target.max())
    if scale == base:  # all alike: there is nothing to learn
        return BoostedTrees(base, [])
    model = GradientBoostingRegressor(
        init="zero",
        learning_rate=LEARNING_RATE,
        n_estimators=TREES,
        max_depth=DEPTH,
        min_samples_leaf=max(20, target.size // 200),
        subsample=0.5,
        max_features=0.5,
        random_state=SEED,
    )
    # In units of the largest, since squares of large errors would overflow.
    model.fit(inputs, (target - base) / scale)
    return BoostedTrees(base, [_tree(one.tree_, LEARNING_RATE * scale) for one in model.estimators_[:, 0]])


def _tree(tree: Any, scale: float) -> LossTree:
    """scikit-learn's tree, filled up to DEPTH levels."""
    inputs, thresholds, leaves = [0] * NODES, [CODES - 1] * NODES, [0.0] * LEAVES

    def fill(place: int, node: int) -> None:
        inner = tree.children_left[node] >= 0
        if place >= NODES:
            leaves[place - NODES] = float(tree.value[node, 0, 0]) * scale
            return
        if inner:
            # Codes are whole: what is at most 12.5 is at most 12.
            inputs[place], thresholds[place] = int(tree.feature[node]), int(np.floor(tree.threshold[node]))
        fill(2 * place + 1, tree.children_left[node] if inner else node)
        fill(2 * place + 2, tree.children_right[node] if inner else node)

    fill(0, 0)
    return LossTree(inputs, thresholds, leaves)
