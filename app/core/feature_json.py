"""Features as they are stored, one JSON object per prediction, into columns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from app.core.columns import Column
from app.core.layout import Layout
from app.core.records import FeatureValue


@dataclass(frozen=True, slots=True, eq=False)
class ServedFeatures:
    """The layout's features by name, [N] each, and `unknown` [N], how many others each prediction came with."""

    columns: Mapping[str, Column]
    unknown: NDArray[np.int64]


def served_features(layout: Layout, texts: Sequence[str]) -> ServedFeatures:
    """What N JSON objects hold. Without features in the layout nothing is known, and nothing unknown either.

    Where every numeric feature of every object is a number, those are arrays; otherwise all columns are lists with None
    where a value is missing.
    """
    numeric = tuple(feature.name for feature in layout.numbers)
    others = tuple(layout.feature_names[len(numeric) :])
    names = numeric + others
    none_unknown = np.zeros(len(texts), np.int64)
    if not texts or not names:
        return ServedFeatures({}, none_unknown)
    body = f"[{','.join(texts)}]"
    if any(map(_NO_FIELD.search, names)):
        objects: list[dict[str, FeatureValue]] = msgspec.json.decode(body)
        return ServedFeatures({name: [row.get(name) for row in objects] for name in names}, _unknown(names, objects))
    try:
        rows = _decoder(numeric, others, strict=True, closed=True).decode(body)
    except msgspec.ValidationError:  # a number is missing, or is none, or there are names that we do not know
        return ServedFeatures(_open_columns(numeric, others, body), _unknown(names, _RAW.decode(body)))
    return ServedFeatures(_numbers(numeric, rows) | _lists(others, rows, len(numeric)), none_unknown)


def _open_columns(numeric: tuple[str, ...], others: tuple[str, ...], body: str) -> dict[str, Column]:
    """The columns, whatever else the objects hold."""
    try:
        rows = _decoder(numeric, others, strict=True, closed=False).decode(body)
    except msgspec.ValidationError:
        rows = _decoder(numeric, others, strict=False, closed=False).decode(body)
        return _lists(numeric + others, rows)
    return _numbers(numeric, rows) | _lists(others, rows, len(numeric))


def _unknown(names: tuple[str, ...], objects: Sequence[Mapping[str, object]]) -> NDArray[np.int64]:
    known = frozenset(names)
    return np.fromiter((len(row.keys() - known) for row in objects), np.int64, len(objects))


_RAW = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_NO_FIELD = re.compile(r'["\\\x00-\x1f]')  # what msgspec takes in no field's name


@lru_cache(maxsize=32)
def _decoder(
    numeric: tuple[str, ...], others: tuple[str, ...], *, strict: bool, closed: bool
) -> msgspec.json.Decoder[list[msgspec.Struct]]:
    """Objects with these features as their fields: half the cost of a dict per row, no look-ups after it.

    `strict`: every numeric one must be a number; `closed`: there must be no other field.
    """
    any_value = (Any, None)
    types = [(float,) if strict else any_value] * len(numeric) + [any_value] * len(others)
    names = {f"f{i}": name for i, name in enumerate(numeric + others)}
    fields = [(field, *type_) for field, type_ in zip(names, types, strict=True)]
    row: Any = msgspec.defstruct("Features", fields, rename=names, gc=False, kw_only=True, forbid_unknown_fields=closed)
    return msgspec.json.Decoder(list[row])


def _numbers(names: tuple[str, ...], rows: Sequence[msgspec.Struct]) -> dict[str, Column]:
    width = len(names)
    values = chain.from_iterable(msgspec.structs.astuple(row)[:width] for row in rows)
    matrix = np.fromiter(values, np.float64, len(rows) * width).reshape(len(rows), width)
    return dict(zip(names, np.ascontiguousarray(matrix.T), strict=True))


def _lists(names: tuple[str, ...], rows: Sequence[msgspec.Struct], first: int = 0) -> dict[str, Column]:
    return {name: [getattr(row, f"f{i}") for row in rows] for i, name in enumerate(names, first)}
