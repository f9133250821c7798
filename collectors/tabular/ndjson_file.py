"""NDJSON: one JSON object of values and lists of numbers per line. A line that is none costs itself, never the file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, TypeAlias, cast

import msgspec

from app.core.errors import InvalidError
from app.core.records import MOST_NUMBERS, NON_FINITE, FeatureValue, Scalar
from collectors.tabular.cells import json_number
from collectors.tabular.table import CHUNK_ROWS, DECIDING_ROWS, Chunk, RowError
from collectors.tabular.text_file import TextFile

Row: TypeAlias = dict[str, FeatureValue]

_Integer: TypeAlias = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_Numbers: TypeAlias = Annotated[list[float], msgspec.Meta(max_length=MOST_NUMBERS)]
_DECODER = msgspec.json.Decoder(dict[str, bool | _Integer | float | str | _Numbers | None])
_BEYOND_DOUBLE = 2**1023


class NdjsonTable:
    """An NDJSON file. Its columns are the keys of the first DECIDING_ROWS lines; rarer keys come with their chunk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with TextFile(path) as file:
            rows, _, broken = _parse(file.lines(DECIDING_ROWS), 0)
        if not rows:
            reason = str(broken[0]) if broken else "it is empty"
            raise InvalidError("file", path.name, f"an NDJSON file holds one JSON object per line: {reason}")
        self.columns = list(dict.fromkeys(key for row in rows for key in row))

    def chunks(self, rows: int = CHUNK_ROWS) -> Iterator[Chunk]:
        done = 0
        with TextFile(self._path) as file:
            while lines := file.lines(rows):
                parsed, starts, broken = _parse(lines, done)
                names = dict.fromkeys([*self.columns, *(key for row in parsed for key in row)])
                done += len(lines)
                yield Chunk(
                    {name: [row.get(name) for row in parsed] for name in names}, starts, done, file.share, broken
                )


def _parse(lines: Sequence[bytes], done: int) -> tuple[list[Row], list[int], list[RowError]]:
    rows: list[Row] = []
    starts: list[int] = []
    broken: list[RowError] = []
    for number, line in enumerate(lines, start=done + 1):
        if line.isspace():
            continue
        try:
            rows.append(_parse_line(line))
            starts.append(number)
        except ValueError as error:
            broken.append(RowError(number, "", line[:200].decode(errors="replace").strip(), str(error)))
    return rows, starts, broken


def _parse_line(line: bytes) -> Row:
    try:
        return cast("Row", _DECODER.decode(line))  # a list of floats is one of scalars to its readers
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _parse_tolerantly(line)


def _parse_tolerantly(line: bytes) -> Row:
    """With the literals NaN and Infinity that Python's json writes. Raises ValueError saying what is wrong."""
    row = json.loads(line)
    if not isinstance(row, dict):
        raise ValueError(f"a line holds one JSON object, this one a {type(row).__name__}")
    return {key: _value(key, value) for key, value in row.items()}


def _value(key: str, value: object) -> FeatureValue:
    if not isinstance(value, list):
        return _scalar(key, value)
    if len(value) > MOST_NUMBERS:
        raise ValueError(f"{key}: a list of {len(value)}; allowed are at most {MOST_NUMBERS} numbers")
    numbers = [_scalar(key, one) for one in value]
    for one in numbers:
        if one is None or isinstance(one, bool) or (isinstance(one, str) and one not in NON_FINITE):
            raise ValueError(f"{key}: a list with {one!r} in it; allowed are lists of numbers")
    return numbers


def _scalar(key: str, value: object) -> Scalar:
    key.encode()  # half a surrogate pair is no text; the error says so
    if isinstance(value, float):
        return json_number(value)
    if isinstance(value, str):
        value.encode()
        return value
    if isinstance(value, int) and abs(value) >= _BEYOND_DOUBLE:
        raise ValueError(f"{key}: the number is too large for a double")
    if value is None or isinstance(value, bool | int):
        return value
    raise ValueError(
        f"{key}: {type(value).__name__} is not allowed; allowed are number, string, boolean, null, list of numbers"
    )
