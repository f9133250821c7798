"""How well the numbers of a row fit together: what the reference's principal components leave unexplained.

A change of how features depend on each other moves none of them on its own. Principal components of the reference's
standardised columns say what usually goes together; what they leave of a row, each column in units of its usual
remainder, is the row's reconstruction error.

Profiles must add to the last bit, so an error may not depend on which rows are computed together, as products of floats
do: values, components and remainders are whole numbers of steps, all sums below 2^53, and so exact in any order.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from app.core.columns import FINITE, Numbers, State

FloatArray: TypeAlias = NDArray[np.float64]
Squares: TypeAlias = NDArray[np.int32]

MOST_COLUMNS = 100
MOST_COMPONENTS = 16
EXPLAINED = 0.65
"""So much of the variance the components explain, or as much as MOST_COMPONENTS can."""
LEAST_ROWS = 100
LEARNT_ROWS = 20_000
LEAST_SHARE = 0.5
"""Of the columns must have a number in a row, or it has no error."""
_VALUE, _COMPONENT, _WEIGHT, _REMAINDER = 2.0**10, 2.0**12, 2.0**6, 2.0**8  # steps per unit
_LARGEST_VALUE = 64.0  # sds; winsorised values of 1,000 rows and more stay below 32
_LARGEST = 2.0**6  # usual remainders; what is further off counts as that far
LARGEST_SQUARE = int((_LARGEST * _REMAINDER) ** 2)
_SMALLEST_VARIANCE = 2.0**-10  # of a remainder: two copies of a column would leave none
_ROUNDING = 1e-9  # a column whose sd is below that share of its mean does not vary
_BLOCK = 2048  # rows whose values stay in a processor's cache
_ALONE = 2**17  # multiplications that a library of linear algebra does not divide among threads
NAME = "(reconstruction error)"


class Standard(msgspec.Struct, frozen=True):
    """What a column's values are standardised by: its winsorised mean and sd, and the bounds."""

    mean: float
    sd: float
    low: float
    high: float

    @property
    def varies(self) -> bool:
        return self.sd > _ROUNDING * max(abs(self.low), abs(self.high))


class Multivariate(msgspec.Struct, frozen=True, dict=True):
    """Principal components of M numeric columns.

    `columns` [M] are their places among the layout's numeric columns, `components` [K][M] whole steps of 1/4096, and
    `weights` [M] whole steps of 1/64: the inverse of each column's usual remainder.
    """

    columns: list[int]
    standards: list[Standard]
    components: list[list[int]]
    weights: list[int]

    def errors(self, numeric: Sequence[Numbers]) -> tuple[Numbers, Squares]:
        """The reconstruction errors [N] of rows, 1 as a rule, and the squared remainders [M, N] they are made of.

        `numeric`: all numeric columns of the layout. What is no number counts as the mean, an infinity as its bound; a
        row with too few numbers is missing, and leaves nothing.
        """
        chosen = [numeric[place] for place in self.columns]
        rows = chosen[0].values.size
        squares, told = np.empty((len(chosen), rows), np.int32), np.empty(rows, np.bool_)
        total = np.empty(rows)
        for start in range(0, rows, _BLOCK):
            block = slice(start, start + _BLOCK)
            steps, present = _steps(self.standards, [one.slice(block) for one in chosen])
            found = self._squares(steps)
            told[block] = present >= LEAST_SHARE * len(chosen)
            if not told[block].all():
                found *= told[block]
            squares[:, block], total[block] = found, found.sum(axis=0)
        error = np.sqrt(total / len(chosen)) / _REMAINDER
        states = None if told.all() else np.where(told, FINITE, State.MISSING).astype(np.int8)
        return Numbers(error, states), squares

    def _squares(self, steps: FloatArray) -> FloatArray:
        """[M, N] of standardised values [M, N] in steps."""
        remainders = _remainders(steps, self._components)
        remainders *= self._weights
        np.rint(remainders, out=remainders)
        np.clip(remainders, -_LARGEST * _REMAINDER, _LARGEST * _REMAINDER, out=remainders)
        return np.square(remainders, out=remainders)

    @cached_property
    def _components(self) -> FloatArray:
        return np.array(self.components, np.float64)

    @cached_property
    def _weights(self) -> FloatArray:
        """[M, 1] what a remainder is multiplied by, from steps of values to steps of usual remainders."""
        return np.array(self.weights, np.float64)[:, None] * (_REMAINDER / _VALUE / _WEIGHT)


def learn_multivariate(standards: Sequence[Standard], numeric: Sequence[Numbers]) -> Multivariate | None:
    """Components of the columns [C] of a sample of rows; None where fewer than two vary, or rows are too few.

    Of more than MOST_COLUMNS those are taken that depend most on others, by the sum of their squared correlations. At
    most LEARNT_ROWS rows are looked at, evenly spread over the sample.
    """
    places = [place for place, standard in enumerate(standards) if standard.varies]
    size = numeric[0].values.size if numeric else 0
    if len(places) < 2 or size < LEAST_ROWS:
        return None
    rows = np.unique(np.linspace(0, size - 1, min(size, LEARNT_ROWS)).astype(np.intp))
    steps, _ = _steps([standards[place] for place in places], [numeric[place].take(rows) for place in places])
    related = steps @ steps.T / (rows.size * _VALUE**2)
    strength = (related**2).sum(axis=0) - np.diag(related) ** 2
    kept = np.sort(np.argsort(-strength, kind="stable")[:MOST_COLUMNS])
    components = _principal(related[np.ix_(kept, kept)])
    usual = np.mean((_remainders(steps[kept], components) / _VALUE) ** 2, axis=1)
    weights = np.rint(_WEIGHT / np.sqrt(np.maximum(usual, _SMALLEST_VARIANCE)))
    columns = [places[k] for k in kept.tolist()]
    whole = components.astype(np.int64).tolist()
    return Multivariate(columns, [standards[c] for c in columns], whole, weights.astype(np.int64).tolist())


def _principal(related: FloatArray) -> FloatArray:
    """[K, M] the first principal components of a matrix of correlations [M, M], in whole steps."""
    variances, vectors = np.linalg.eigh(related)
    variances, vectors = variances[::-1], vectors[:, ::-1]
    enough = int(np.searchsorted(np.cumsum(variances), EXPLAINED * variances.sum())) + 1
    first = vectors[:, : min(enough, MOST_COMPONENTS, len(related) - 1)].T
    sign = np.sign(np.take_along_axis(first, np.abs(first).argmax(axis=1)[:, None], axis=1))
    return np.asarray(np.rint(first * sign * _COMPONENT))


def _steps(standards: Sequence[Standard], columns: Sequence[Numbers]) -> tuple[FloatArray, NDArray[np.int64]]:
    """[M, N] standardised values in whole steps, 0 where there is no number; and how many a row has of them [N]."""
    steps = np.empty((len(columns), columns[0].values.size))
    absent = np.zeros(steps.shape[1], np.int64)
    for row, standard, numbers in zip(steps, standards, columns, strict=True):
        np.clip(numbers.values, standard.low, standard.high, out=row)
        row /= standard.sd
        row -= standard.mean / standard.sd
        if numbers.states is not None:
            gone = np.isin(numbers.states, (State.MISSING, State.NAN, State.INVALID))
            row[gone] = 0.0
            absent += gone
    np.clip(steps, -_LARGEST_VALUE, _LARGEST_VALUE, out=steps)
    steps *= _VALUE
    return np.rint(steps, out=steps), len(columns) - absent


def _remainders(steps: FloatArray, components: FloatArray) -> FloatArray:
    """[M, N] what the components leave of standardised values, in steps; exact, whatever the order of the sums."""
    scores = _product(components, steps)
    scores /= _COMPONENT
    explained = _product(components.T, np.rint(scores, out=scores))
    explained /= _COMPONENT
    return np.asarray(np.subtract(steps, np.rint(explained, out=explained), out=explained))


def _product(left: FloatArray, right: FloatArray) -> FloatArray:
    """`left @ right` [A, N], in pieces so small that no thread is started for them.

    The threads of a library of linear algebra wait busily for each other: where the processors have other work, such
    as the fold's, a product of this size takes ten times longer on two of them than on one.
    """
    found = np.empty((left.shape[0], right.shape[1]))
    width = max(1, _ALONE // left.size)
    for start in range(0, found.shape[1], width):
        piece = slice(start, start + width)
        np.matmul(left, right[:, piece], out=found[:, piece])
    return found
