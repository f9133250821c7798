"""Features that are no single number and no category: what they are counted as instead.

Whatever such a feature holds becomes a few ordinary numeric columns when its rows are counted, so that profiles,
merging, distances and limits need to know nothing of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from app.core.columns import FINITE, Column, Numbers, State, parse_numbers
from app.core.records import NON_FINITE
from app.core.stats.arrays import Floats
from app.core.stats.lists import STATISTICS as LIST_STATISTICS
from app.core.stats.lists import list_statistics
from app.core.stats.projections import MOST_DIMENSIONS, PROJECTIONS, project, step_exponent
from app.core.stats.text import STATISTICS as TEXT_STATISTICS
from app.core.stats.text import text_statistics

SEPARATOR = "::"
"""Between a feature's name and that of a statistic of it. A served feature of such a name is refused."""
TEXT_VALUES = 100
"""A text feature has more different values than a category's known ones..."""
TEXT_DISTINCT_SHARE = 0.2
"""...they are at least this share of its values..."""
TEXT_WORDS, TEXT_LENGTH = 3, 50
"""...and on average they have so many words, or so many characters."""
LIST_SHARE = 0.5
"""A feature holds lists when more than this share of its values are lists."""
FEWEST_DIMENSIONS = 8
"""Lists of numbers are embeddings when they have at least so many numbers..."""
EMBEDDING_SHARE = 0.95
"""...and at least this share of them equally many."""


class DerivedKind(StrEnum):
    """What the values of such a feature are."""

    TEXT = "text"
    LIST = "list"


class DerivedFeature(msgspec.Struct, frozen=True):
    """A feature by the name under which it is served, and what it holds."""

    name: str
    kind: DerivedKind

    @property
    def columns(self) -> list[str]:
        """The names of the numeric columns that stand for it; the first one has a number wherever it has a value."""
        return [f"{self.name}{SEPARATOR}{statistic}" for statistic in _STATISTICS[self.kind]]

    def derive(self, column: Column) -> list[Numbers]:
        """The numeric columns of [N] raw values. What is not of this kind is invalid in all of them."""
        values = [_PARSE[self.kind](value) for value in column]
        columns = _spread(values, column, len(_STATISTICS[self.kind]), _COMPUTE[self.kind])
        empty = [self.kind is DerivedKind.LIST and value is not None and not value.size for value in values]
        for numbers in columns[1:] if any(empty) else ():  # an empty list has a length, and nothing else
            assert numbers.states is not None
            numbers.states[empty] = State.MISSING
        return columns


class Embedding(msgspec.Struct, frozen=True):
    """A feature that is a vector, rounded to multiples of 2^-`exponent` and counted by its projections."""

    name: str
    dimension: int
    exponent: int

    @property
    def columns(self) -> list[str]:
        """The names of its projections."""
        return [f"{self.name}{SEPARATOR}{number}" for number in range(PROJECTIONS)]

    def derive(self, column: Column) -> list[Numbers]:
        """The projections of [N] raw values. What is no list of `dimension` numbers is invalid in all of them."""
        vectors = [_vector(value) for value in column]
        fit = [vector if vector is not None and vector.size == self.dimension else None for vector in vectors]
        return _spread(fit, column, PROJECTIONS, lambda rows: project(np.stack(rows), self.name, self.exponent))


Derivation: TypeAlias = DerivedFeature | Embedding


def recognise(name: str, column: Column, *, text: bool = False) -> Derivation | None:
    """The feature that the values of a column make, where they are neither numbers nor categories.

    `text`: somebody declared it to be one.
    """
    present = [value for value in column if value is not None]
    if text or _is_text(present):
        return DerivedFeature(name, DerivedKind.TEXT)
    vectors = [_vector(value) for value in present if isinstance(value, list)]
    if len(vectors) <= LIST_SHARE * len(present):
        return None
    return _embedding(name, [one for one in vectors if one is not None]) or DerivedFeature(name, DerivedKind.LIST)


def _embedding(name: str, vectors: Sequence[NDArray[np.float64]]) -> Embedding | None:
    """The embedding that lists of numbers make, if nearly all are of one length that is neither small nor huge."""
    sizes = Counter(vector.size for vector in vectors)
    size, times = max(sizes.items(), key=lambda one: one[1], default=(0, 0))
    if times < EMBEDDING_SHARE * len(vectors) or not FEWEST_DIMENSIONS <= size <= MOST_DIMENSIONS:
        return None
    largest = max(float(np.abs(one[np.isfinite(one)]).max(initial=0.0)) for one in vectors if one.size == size)
    return Embedding(name, size, step_exponent(largest))


def _is_text(present: Sequence[object]) -> bool:
    """Whether values are free text rather than names that come again and again, or codes of one word."""
    texts = [value for value in present if isinstance(value, str)]
    if len(texts) < len(present):
        return False
    distinct = set(texts)
    if len(distinct) <= max(TEXT_VALUES, TEXT_DISTINCT_SHARE * len(texts)):
        return False
    length, words, *_ = text_statistics(list(distinct)).mean(axis=0).tolist()
    return bool(words >= TEXT_WORDS or length >= TEXT_LENGTH)


def _text(value: object) -> str | None:
    return value if type(value) is str else None


def _vector(value: object) -> NDArray[np.float64] | None:
    """A list of numbers, also of such as are not finite; None for anything else."""
    if not isinstance(value, list):
        return None
    if not set(map(type, value)) <= {int, float}:
        value = [NON_FINITE.get(one) if isinstance(one, str) else one for one in value]
        if not set(map(type, value)) <= {int, float}:
            return None
    try:
        return np.array(value, dtype=np.float64)
    except OverflowError:  # a whole number beyond any double
        return None


_STATISTICS: Mapping[DerivedKind, Sequence[str]] = {
    DerivedKind.TEXT: TEXT_STATISTICS,
    DerivedKind.LIST: LIST_STATISTICS,
}
_PARSE: Mapping[DerivedKind, Callable[[object], Any]] = {DerivedKind.TEXT: _text, DerivedKind.LIST: _vector}
_COMPUTE: Mapping[DerivedKind, Callable[[Sequence[Any]], Floats]] = {
    DerivedKind.TEXT: text_statistics,
    DerivedKind.LIST: list_statistics,
}
LONGEST_SUFFIX = max(len(SEPARATOR + name) for names in _STATISTICS.values() for name in names)


def _spread(
    values: Sequence[Any], raw: Column, width: int, compute: Callable[[Sequence[Any]], Floats]
) -> list[Numbers]:
    """`width` columns of what `compute` makes of the `values` [N] that are not None.

    Of the others, those that are None in `raw` are missing, and the rest invalid.
    """
    there = np.flatnonzero([value is not None for value in values])
    computed = np.full((len(values), width), np.nan)
    if there.size:
        computed[there] = compute([values[row] for row in there.tolist()])
    gone = np.ones(len(values), np.bool_)
    gone[there] = False
    states = np.array([State.MISSING if value is None else State.INVALID for value in raw], np.int8)
    return [_with_states(column, gone, states) for column in np.ascontiguousarray(computed.T)]


def _with_states(column: Floats, gone: NDArray[np.bool_], states: NDArray[np.int8]) -> Numbers:
    numbers = parse_numbers(column)
    if not gone.any():
        return numbers
    found = np.full(column.size, FINITE, np.int8) if numbers.states is None else numbers.states
    return Numbers(column, np.where(gone, states, found).astype(np.int8))
