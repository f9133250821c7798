"""Features that are no single number and no category: what they are counted as instead.

Whatever such a feature holds becomes a few ordinary numeric columns when its rows are counted, so that profiles,
merging, distances and limits need to know nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec
import numpy as np

from app.core.columns import FINITE, Column, Numbers, State
from app.core.stats.arrays import Floats
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


class DerivedKind(StrEnum):
    """What the values of such a feature are."""

    TEXT = "text"


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
        states = np.array([_text_state(value) for value in column], np.int8)
        there = np.flatnonzero(states == FINITE)
        values = np.full((len(_STATISTICS[self.kind]), states.size), np.nan)
        values[:, there] = _COMPUTE[self.kind]([column[row] for row in there.tolist()]).T
        return [Numbers(one, None if there.size == states.size else states) for one in values]


_STATISTICS: Mapping[DerivedKind, Sequence[str]] = {DerivedKind.TEXT: TEXT_STATISTICS}
_COMPUTE: Mapping[DerivedKind, Callable[[Sequence[Any]], Floats]] = {DerivedKind.TEXT: text_statistics}
LONGEST_SUFFIX = max(len(SEPARATOR + name) for names in _STATISTICS.values() for name in names)


def recognise(name: str, column: Column, *, text: bool = False) -> DerivedFeature | None:
    """The feature that the values of a column make, where they are neither numbers nor categories.

    `text`: somebody declared it to be one.
    """
    present = [value for value in column if value is not None]
    return DerivedFeature(name, DerivedKind.TEXT) if text or _is_text(present) else None


def _is_text(present: Sequence[object]) -> bool:
    """Whether values are free text rather than names that come again and again, or codes of one word."""
    texts = [value for value in present if isinstance(value, str)]
    distinct = set(texts)
    if len(texts) < len(present) or len(distinct) <= max(TEXT_VALUES, TEXT_DISTINCT_SHARE * len(texts)):
        return False
    length, words, *_ = text_statistics(list(distinct)).mean(axis=0).tolist()
    return bool(words >= TEXT_WORDS or length >= TEXT_LENGTH)


def _text_state(value: object) -> int:
    return State.MISSING if value is None else FINITE if type(value) is str else State.INVALID
