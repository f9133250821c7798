"""How far off a regression model probably is, told from its inputs: boosted trees as plain data, applied to codes.

Two sums of regression trees, one learnt from the absolute and one from the squared error of the reference's rows, take
small codes (a bin, a category, or what is missing) and give what each row's error is expected to be. All trees are read
at once by bit masks, as in QuickScorer (Lucchese et al., SIGIR 2015): each code of an input rules leaves out, and the
leftmost leaf that is left is the one that the row falls into.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

IntArray: TypeAlias = NDArray[np.int64]
FloatArray: TypeAlias = NDArray[np.float64]
Codes: TypeAlias = NDArray[np.uint8]

DEPTH = 4
NODES, LEAVES = 2**DEPTH - 1, 2**DEPTH
MOST_TREES = 100
MOST_INPUTS = 20
LEAST_ROWS = 500
"""Labelled rows of a reference below which trees would learn chance."""
CODES = 256
"""An input has fewer codes than this; a node whose threshold is CODES - 1 sends every row to the left."""
STEPS = 2**20
"""An expected error is counted in so many steps up to the largest that the trees can give."""
_FINE = 2**20  # parts of a step that leaves are kept to: their sum is exact, in any order
_CHUNK_ROWS = 4096  # what a processor's cache holds of all trees


class LossInput(msgspec.Struct, frozen=True):
    """What trees look at: the column at that place of `Layout.column_names`, or the predicted value (None).

    `ranks`: of a category, its place in the order of the mean error (the known ones, then a missing one, then one that
    the reference did not have); of a number empty, since its codes are in order already.
    """

    feature: int | None
    ranks: list[int]

    def rank_by_code(self) -> Codes:
        """[CODES] what thresholds are compared with."""
        ranks = np.arange(CODES, dtype=np.uint8)
        ranks[: len(self.ranks)] = self.ranks
        return ranks


class LossTree(msgspec.Struct, frozen=True):
    """A tree of DEPTH levels: node i goes on to 2i + 1 where its input's code is <= its threshold, else 2i + 2.

    `inputs` and `thresholds` [NODES], `leaves` [LEAVES] in the unit of the error.
    """

    inputs: list[int]
    thresholds: list[int]
    leaves: list[float]


class BoostedTrees(msgspec.Struct, frozen=True):
    """The sum of `base` and of one leaf of every tree."""

    base: float
    trees: list[LossTree]

    @property
    def largest(self) -> float:
        """No sum is larger, nor its negative; inf where that is no number."""
        return math.fsum([abs(self.base), *(max(map(abs, tree.leaves)) for tree in self.trees)])


class Losses(msgspec.Struct, frozen=True, dict=True):
    """Expected absolute and squared error of a row, from the codes of its inputs."""

    inputs: list[LossInput]
    absolute: BoostedTrees
    squared: BoostedTrees

    @cached_property
    def quanta(self) -> FloatArray:
        """[2] the size of one step of the expected absolute and squared error, in their units."""
        # A model that is never wrong has no largest error, and a step of 0 could not be divided by.
        return np.maximum([part.largest / STEPS for part in self._parts], np.finfo(np.float64).tiny)

    def expected_steps(self, codes: Sequence[Codes]) -> IntArray:
        """[N, 2] expected absolute and squared error, 0 at the least, in whole steps; `codes` [N] per input."""
        return np.asarray(np.maximum(self._fine(codes) + _FINE // 2, 0) // _FINE)

    def expected(self, codes: Sequence[Codes]) -> FloatArray:
        """[N, 2] the same in the error's unit, neither rounded nor cut off at 0."""
        return np.asarray(self._fine(codes) * (self.quanta / _FINE))

    @property
    def _parts(self) -> tuple[BoostedTrees, BoostedTrees]:
        return self.absolute, self.squared

    def _fine(self, codes: Sequence[Codes]) -> IntArray:
        rows, leaves, first = codes[0].size, self._leaves, len(self.absolute.trees)
        place = np.arange(len(leaves)) * LEAVES
        sums = np.empty((rows, 2), np.int64)
        for start in range(0, rows, _CHUNK_ROWS):
            chunk = slice(start, start + _CHUNK_ROWS)
            open_ = self._masks[0].take(codes[0][chunk], axis=0)
            for masks, code in zip(self._masks[1:], codes[1:], strict=True):
                open_ &= masks.take(code[chunk], axis=0)
            leaf = np.bitwise_count((open_ & -open_) - np.uint16(1))  # the number of the lowest bit that is set
            values = leaves.take(place + leaf)
            sums[chunk, 0], sums[chunk, 1] = values[:, :first].sum(axis=1), values[:, first:].sum(axis=1)
        return np.asarray(sums + self._bases)

    @cached_property
    def _bases(self) -> IntArray:
        return np.array([_whole(part.base / q) for part, q in zip(self._parts, self.quanta.tolist(), strict=True)])

    @cached_property
    def _leaves(self) -> IntArray:
        """[trees, LEAVES] in parts of a step."""
        parts = zip(self._parts, self.quanta.tolist(), strict=True)
        rows = [[_whole(leaf / quantum) for leaf in tree.leaves] for part, quantum in parts for tree in part.trees]
        return np.array(rows, np.int64).reshape(-1, LEAVES)

    @cached_property
    def _masks(self) -> list[NDArray[np.uint16]]:
        """Per input [CODES, trees]: the leaves that a code leaves open, the leftmost in the lowest bit."""
        trees = [*self.absolute.trees, *self.squared.trees]
        masks = [np.full((CODES, len(trees)), 2**LEAVES - 1, np.uint16) for _ in self.inputs]
        ranks = [one.rank_by_code() for one in self.inputs]
        for t, tree in enumerate(trees):
            for node, (input_, threshold) in enumerate(zip(tree.inputs, tree.thresholds, strict=True)):
                masks[input_][ranks[input_] > threshold, t] &= _without_left_of(node)
        return masks


def _whole(steps: float) -> int:
    return round(steps * _FINE)


def _without_left_of(node: int) -> np.uint16:
    """All leaves but those to the left below the node."""
    level = (node + 1).bit_length() - 1
    width = LEAVES >> level
    left = (2 ** (width // 2) - 1) << (width * (node + 1 - 2**level))
    return np.uint16(2**LEAVES - 1 - left)
