"""Columns of raw values, sorted into what they are: finite, missing, NaN, infinite, or not of the expected type."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.core.records import NON_FINITE, FeatureValue

Column: TypeAlias = Sequence[FeatureValue] | NDArray[np.float64]
"""Values in row order. In a list None marks a missing value; in an array of floats NaN is a NaN that was served."""


class State(IntEnum):
    """Why a value has no place in the bins; also the column of `FeatureCounts.states`. Finite values have none."""

    MISSING = 0
    NAN = 1
    POSITIVE_INFINITY = 2
    NEGATIVE_INFINITY = 3
    INVALID = 4


FINITE = -1


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """`values` [N] (anything where not finite) and `states` [N] (a State, or FINITE); None when all are finite."""

    values: NDArray[np.float64]
    states: NDArray[np.int8] | None = None

    def finite(self) -> NDArray[np.float64]:
        return self.values if self.states is None else self.values[self.states == FINITE]

    def slice(self, rows: slice) -> Numbers:
        return Numbers(self.values[rows], None if self.states is None else self.states[rows])

    def take(self, order: NDArray[np.intp]) -> Numbers:
        return Numbers(self.values[order], None if self.states is None else self.states[order])

    def state_counts(self) -> NDArray[np.int64]:
        """[len(State)] how many values are in each state."""
        if self.states is None:
            return np.zeros(len(State), np.int64)
        return np.bincount(self.states[self.states != FINITE], minlength=len(State)).astype(np.int64)


def is_numeric(column: Column) -> bool:
    """True when the values that are present are numbers (booleans are categories), and there is at least one."""
    if isinstance(column, np.ndarray):
        return bool(np.issubdtype(column.dtype, np.number))
    types = set(map(type, column)) - {type(None)}
    if str in types and all(v in NON_FINITE for v in column if isinstance(v, str)):
        types.discard(str)
    return bool(types) and types <= {int, float}


def parse_numbers(column: Column) -> Numbers:
    """The column as floats with the state of everything that is not finite."""
    if isinstance(column, np.ndarray):
        return _with_states(column.astype(np.float64, copy=False), None)
    types = set(map(type, column))
    if types <= {float, int}:
        return _with_states(np.array(column, dtype=np.float64), None)
    if types <= {float, int, type(None)}:
        missing = np.fromiter((value is None for value in column), np.bool_, len(column))
        return _with_states(np.array(column, dtype=np.float64), missing)
    return _parse_mixed(column)


def _with_states(values: NDArray[np.float64], missing: NDArray[np.bool_] | None) -> Numbers:
    if np.isfinite(values).all():
        return Numbers(values)
    states = np.full(values.size, FINITE, np.int8)
    states[np.isnan(values)] = State.NAN
    states[values == np.inf] = State.POSITIVE_INFINITY
    states[values == -np.inf] = State.NEGATIVE_INFINITY
    if missing is not None:
        states[missing] = State.MISSING
    return Numbers(values, states)


def _parse_mixed(column: Sequence[FeatureValue]) -> Numbers:
    """The slow way, value by value, for columns that hold text, booleans or lists among the numbers."""
    values = np.full(len(column), np.nan)
    invalid = np.zeros(len(column), np.bool_)
    missing = np.zeros(len(column), np.bool_)
    for row, value in enumerate(column):
        if value is None:
            missing[row] = True
        elif isinstance(value, str):
            values[row] = NON_FINITE.get(value, np.nan)
            invalid[row] = value not in NON_FINITE
        elif isinstance(value, list):
            invalid[row] = True
        else:
            values[row] = float(value)
    numbers = _with_states(values, missing)
    if numbers.states is not None:
        numbers.states[invalid] = State.INVALID
    return numbers


def categories_of(column: Iterable[FeatureValue]) -> list[str | None]:
    """Canonical category names: booleans as "true"/"false", whole floats without ".0", None where missing."""
    return [_category(value) for value in column]


def _category(value: FeatureValue) -> str | None:
    if value is None or type(value) is str:
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
