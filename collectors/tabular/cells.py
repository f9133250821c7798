"""What a cell of text means: a number, a boolean, a category, or nothing. Decided once per column, then held to."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable
from enum import StrEnum

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.core.records import NON_FINITE, Scalar

NUMERIC_SHARE = 0.95
"""A column is one of numbers, or booleans, when at least this share of the values that are present are."""


class Kind(StrEnum):
    """How the texts of a column are read. A cell that does not fit its column's kind stays the text it is."""

    TEXT = "text"
    WHOLE = "whole number"
    NUMBER = "number"
    BOOLEAN = "boolean"
    ANY = "not known yet"


_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_CODE = re.compile(r"[+-]?0\d", re.ASCII)  # a leading zero is part of a code, such as a postcode, not of a number
_NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "infinity": "Infinity"}
_BOOLEANS = {"true": True, "false": False}
_LARGEST_WHOLE = 2**53  # beyond it a double no longer holds every whole number


def decide_kind(texts: Iterable[str | None], expected: Kind | None = None) -> Kind:
    """The kind of a column by its `texts`, of which None and "" are missing.

    Numbers and booleans may have a few misfits among them, such as a "NA", which then stand out as invalid values;
    NUMERIC_SHARE says how few. `expected` settles what texts cannot: TEXT keeps numbers as text, NUMBER and BOOLEAN
    read them among any others.
    """
    present = Counter(text.strip() for text in texts if text)
    del present[""]
    numbers = [text for text in present if is_number(text)]
    if expected in (Kind.TEXT, Kind.BOOLEAN):
        return expected
    if expected is Kind.NUMBER:
        return _number_kind(numbers)
    if not present:
        return Kind.ANY
    if sum(present[text] for text in present if text.lower() in _BOOLEANS) >= NUMERIC_SHARE * present.total():
        return Kind.BOOLEAN
    are_numbers = sum(present[text] for text in numbers) >= NUMERIC_SHARE * present.total()
    return _number_kind(numbers) if are_numbers and not any(map(_CODE.match, numbers)) else Kind.TEXT


def _number_kind(numbers: Collection[str]) -> Kind:
    finite = [text for text in numbers if _non_finite(text) is None]
    return Kind.WHOLE if finite and all(map(_WHOLE.fullmatch, finite)) else Kind.NUMBER


def is_number(text: str) -> bool:
    """True for decimal numbers and for the usual spellings of NaN and the infinities."""
    return _NUMBER.fullmatch(text) is not None or _non_finite(text) is not None


def read_cells(texts: pa.Array, kind: Kind) -> list[Scalar]:
    """The values [N] of a text column (null = missing); numbers that are not finite are the strings of NON_FINITE."""
    if kind in (Kind.WHOLE, Kind.NUMBER):
        numbers = _read_finite(texts, whole=kind is Kind.WHOLE)
        if numbers is not None:
            return numbers
    cells: list[str | None] = texts.to_numpy(zero_copy_only=False).tolist()
    if kind is Kind.TEXT:
        return list(cells)
    return [None if cell is None else _read_cell(cell, kind) for cell in cells]


def _read_finite(texts: pa.Array, *, whole: bool) -> list[Scalar] | None:
    """The fast way, for a column that holds nothing but finite numbers and missing cells; else None."""
    try:
        parsed = pc.cast(texts, pa.float64())
    except pa.ArrowInvalid:
        return None
    values = parsed.to_numpy(zero_copy_only=False)
    missing = texts.is_null().to_numpy(zero_copy_only=False)
    filled = np.where(missing, 0.0, values)
    if not np.isfinite(filled).all():
        return None
    if whole and not ((np.floor(filled) == filled) & (np.abs(filled) < _LARGEST_WHOLE)).all():
        return None
    plain: list[Scalar] = (filled.astype(np.int64) if whole else filled).tolist()
    return [None if gone else value for value, gone in zip(plain, missing, strict=True)] if missing.any() else plain


def _read_cell(text: str, kind: Kind) -> Scalar:
    stripped = text.strip()
    if not stripped:
        return None
    if kind is Kind.ANY:
        return _read_cell(text, decide_kind([text]))
    if kind is Kind.BOOLEAN:
        return _BOOLEANS.get(stripped.lower(), text)
    if kind is Kind.TEXT or not is_number(stripped):
        return text
    value = json_number(float(_non_finite(stripped) or stripped))
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) < _LARGEST_WHOLE
    return int(value) if kind is Kind.WHOLE and is_whole else value


def _non_finite(text: str) -> str | None:
    """The wire's name of the non-finite number that `text` spells, or None."""
    sign = text[:1] if text[:1] in ("+", "-") else ""
    name = _NOT_FINITE.get(text.removeprefix(sign).lower())
    return "-Infinity" if name == "Infinity" and sign == "-" else name


def json_number(value: float) -> float | str:
    """`value`, or the string that stands for it where JSON has no number."""
    if math.isfinite(value):
        return value
    return next(name for name, number in NON_FINITE.items() if number == value or (number != number and value != value))
