"""Features as they are stored, one JSON object per prediction, into columns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

import msgspec
import numpy as np

from app.core.columns import Column
from app.core.layout import Layout
from app.core.records import Scalar


def feature_columns(layout: Layout, texts: Sequence[str]) -> dict[str, Column]:
    """The layout's features by name, [N] each; what else the N JSON objects hold is passed over.

    Where every numeric feature of every object is a number, those are arrays; otherwise all columns are lists with None
    where a value is missing.
    """
    numeric = tuple(feature.name for feature in layout.numeric)
    categorical = tuple(feature.name for feature in layout.categorical)
    names = numeric + categorical
    if not texts or not names:
        return {}
    body = f"[{','.join(texts)}]"
    if any(map(_NO_FIELD.search, names)):
        objects: list[dict[str, Scalar]] = msgspec.json.decode(body)
        return {name: [row.get(name) for row in objects] for name in names}
    try:
        rows = _decoder(numeric, categorical, strict=True).decode(body)
    except msgspec.ValidationError:  # a number is missing, or is none
        rows = _decoder(numeric, categorical, strict=False).decode(body)
        return _lists(names, rows)
    return _numbers(numeric, rows) | _lists(categorical, rows, len(numeric))


_NO_FIELD = re.compile(r'["\\\x00-\x1f]')  # what msgspec takes in no field's name


@lru_cache(maxsize=32)
def _decoder(
    numeric: tuple[str, ...], categorical: tuple[str, ...], *, strict: bool
) -> msgspec.json.Decoder[list[msgspec.Struct]]:
    """Objects with exactly these features as their fields: half the cost of a dict per row, no look-ups after it."""
    any_value = (Any, None)
    types = [(float,) if strict else any_value] * len(numeric) + [any_value] * len(categorical)
    names = {f"f{i}": name for i, name in enumerate(numeric + categorical)}
    fields = [(field, *type_) for field, type_ in zip(names, types, strict=True)]
    row: Any = msgspec.defstruct("Features", fields, rename=names, gc=False, kw_only=True)
    return msgspec.json.Decoder(list[row])


def _numbers(names: tuple[str, ...], rows: Sequence[msgspec.Struct]) -> dict[str, Column]:
    width = len(names)
    values = chain.from_iterable(msgspec.structs.astuple(row)[:width] for row in rows)
    matrix = np.fromiter(values, np.float64, len(rows) * width).reshape(-1, width)
    return dict(zip(names, np.ascontiguousarray(matrix.T), strict=True))


def _lists(names: tuple[str, ...], rows: Sequence[msgspec.Struct], first: int = 0) -> dict[str, Column]:
    return {name: [getattr(row, f"f{i}") for row in rows] for i, name in enumerate(names, first)}
