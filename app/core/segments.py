"""Segments: the rows that share one value of a declared attribute, such as `country=FI`, watched beside the whole.

Their number is bounded. The first MOST_VALUES values of an attribute that come, those of the reference before all
others, have a segment each; all rows with another value share the segment OTHER, and how many values those are is
counted. A value that has a segment keeps it, so that what is counted later adds to what was counted before.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import blake2b
from typing import Any, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from app.core.columns import Column
from app.core.distinct import Sketch, no_values, with_values
from app.core.records import NON_FINITE

MOST_ATTRIBUTES = 5
"""Of a model: with MOST_VALUES of each, at most 110 segments are stored and judged beside the whole."""
MOST_VALUES = 20
"""Of an attribute that have a segment of their own. With the two that collect the rest, an attribute costs at most 22
times what the whole costs; and what makes up less than a twentieth of the rows rarely has enough of them to judge.
"""
LONGEST_ATTRIBUTE = 100
LONGEST_VALUE = 99
"""Characters of a value that a segment's name holds; a longer one is cut, and ends in a hash of all of it."""
MISSING = "(missing)"
OTHER = "(other)"
_HASH_BYTES = 4
NO_SEGMENT = -1

Codes: TypeAlias = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class AttributeValues:
    """What is known of one attribute of one version.

    `values` have a segment each, in the order in which they came. `overflow` is a sketch of the values that do not.
    `since`: rows of windows that start earlier have no segment; None: all rows have one. `revision` counts changes.
    """

    attribute: str
    values: tuple[str, ...] = ()
    overflow: Sketch = field(default_factory=no_values)
    since: datetime | None = None
    revision: int = 0

    @property
    def names(self) -> list[str]:
        """The segments by their codes: the known values, then MISSING and OTHER."""
        return [segment_name(self.attribute, value) for value in (*self.values, MISSING, OTHER)]


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """N rows by one attribute: `codes` [N] are indices into the `names` of segments, or NO_SEGMENT."""

    names: Sequence[str]
    codes: Codes


def segment_name(attribute: str, value: str) -> str:
    """The name of a segment, e.g. `country=FI`; at most 200 characters for a canonical value."""
    return f"{attribute}={value}"


def attribute_of(segment: str) -> str:
    """The attribute that a segment is of."""
    return segment.partition("=")[0]


def segment_value(value: object) -> str:
    """The canonical text of an attribute's value: printable, and at most LONGEST_VALUE characters.

    Numbers are written alike, whatever type they came in (3 and 3.0 are `3`); booleans are `true` and `false`. What is
    neither text nor number nor boolean is MISSING.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _number_text(value)
    if not isinstance(value, str):
        return MISSING
    text = value if value.isprintable() else value.encode("unicode_escape").decode()
    if len(text) <= LONGEST_VALUE:
        return text
    digest = blake2b(text.encode(), digest_size=_HASH_BYTES).hexdigest()
    return f"{text[: LONGEST_VALUE - 1 - len(digest)]}~{digest}"


def _number_text(given: float) -> str:
    try:
        value = float(given)
    except OverflowError:  # a whole number that no float can hold
        value = math.inf if given > 0 else -math.inf
    if not math.isfinite(value):
        return next((name for name, number in NON_FINITE.items() if number == value), "NaN")
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


def assign(known: AttributeValues, values: Iterable[object]) -> tuple[Grouping, AttributeValues]:
    """Give each row its segment by the attribute's `values` [N], and what is known of the attribute afterwards.

    New values get a segment in the order in which they come, as long as there is room.
    """
    texts = [segment_value(value) for value in values]
    after = _learn(known, dict.fromkeys(texts))
    other = len(after.values) + 1
    code_of = {value: code for code, value in enumerate((*after.values, MISSING))}
    codes = np.fromiter((code_of.get(text, other) for text in texts), np.intp, len(texts))
    return Grouping(after.names, codes), after


def _learn(known: AttributeValues, came: Iterable[str]) -> AttributeValues:
    """What is known of the attribute once these distinct values came; the very same when none of them was new."""
    old = {*known.values, MISSING, OTHER}
    new = [value for value in came if value not in old]
    room = MOST_VALUES - len(known.values)
    overflow = with_values(known.overflow, new[room:])
    if not new[:room] and np.array_equal(overflow, known.overflow):
        return known
    return replace(known, values=(*known.values, *new[:room]), overflow=overflow)


def most_frequent(counts: Mapping[str, int]) -> tuple[str, ...]:
    """The canonical values that a reference gives segments to: the most frequent, ties broken by name."""
    ordered = sorted(counts, key=lambda value: (-counts[value], value))
    return tuple(value for value in ordered if value not in (MISSING, OTHER))[:MOST_VALUES]


def count_values(counts: Counter[str], values: Iterable[object]) -> None:
    """Add an attribute's values to the counts of canonical ones."""
    counts.update(segment_value(value) for value in values)


def served_values(
    names: Sequence[str], attributes: Sequence[str | None], features: Sequence[str], parsed: Mapping[str, Column]
) -> dict[str, Sequence[object]]:
    """The values of attributes by their names, [N] each: those of the predictions' attributes, else of their features.

    `attributes` and `features` [N] are JSON objects as they were stored; `parsed` are features that are columns
    already, which spares reading the texts again.
    """
    own = _objects(attributes) if any(attributes) else []
    served: list[dict[str, Any]] | None = None
    found: dict[str, Sequence[object]] = {}
    for name in names:
        given = [row.get(name) if row else None for row in own]
        if given and None not in given:
            found[name] = given
            continue
        if name not in parsed and served is None:
            served = [row or {} for row in _objects(features)]
        column: Iterable[object] = parsed[name] if name in parsed else [row.get(name) for row in served or ()]
        values = column.tolist() if isinstance(column, np.ndarray) else list(column)
        found[name] = (
            [value if mine is None else mine for mine, value in zip(given, values, strict=True)] if given else values
        )
    return found


def _objects(texts: Sequence[str | None]) -> list[dict[str, Any] | None]:
    body = f"[{','.join(text or 'null' for text in texts)}]"
    return msgspec.json.decode(body, type=list[dict[str, Any] | None])


def without_early(grouping: Grouping, times: NDArray[np.int64], since: datetime | None) -> Grouping:
    """The grouping without the rows before `since`; `times` [N] in microseconds since 1970 in UTC."""
    if since is None:
        return grouping
    early = times < round(since.timestamp() * 1e6)
    return Grouping(grouping.names, np.where(early, NO_SEGMENT, grouping.codes))
