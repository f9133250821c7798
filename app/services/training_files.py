"""Rows of a training set as files: typed columns, Parquet or CSV, and one hash of what they hold."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from app.core.columns import State, categories_of, parse_numbers
from app.core.feature_json import served_features
from app.core.layout import Layout
from app.core.records import number
from app.core.training_set import FEATURE, RAW, Column, feature_types

GROUP_ROWS, GROUP_BYTES = 20_000, 32 << 20
"""A group of rows is written when it has so many, or is so large."""

Values: TypeAlias = list[Any]
"""The values of a column; None where there is none."""


class Format(StrEnum):
    """What kind of file."""

    PARQUET = "parquet"
    CSV = "csv"


_ARROW = {
    "text": pa.string(),
    "number": pa.float64(),
    "numbers": pa.list_(pa.float64()),
    "time": pa.timestamp("us", "UTC"),
}


def feature_columns(layout: Layout | None, texts: Sequence[str], unreadable: Counter[str]) -> dict[str, Values]:
    """The features of N rows, of JSON, by the names of their columns. Values that are not of the column's type are
    missing, and counted as unreadable.
    """
    if layout is None or not layout.feature_names:
        return {RAW: [*texts]}
    served = served_features(layout, texts).columns
    found = {}
    for name, type_ in feature_types(layout).items():
        found[FEATURE + name], wrong = _READERS[type_](served[name])
        if wrong:
            unreadable[name] += wrong
    return found


def _numbers(column: Any) -> tuple[Values, int]:
    parsed = parse_numbers(column)
    values = parsed.values.tolist()
    if parsed.states is None:
        return values, 0
    states = parsed.states.tolist()
    none = {State.MISSING, State.INVALID}
    return [None if s in none else v for s, v in zip(states, values, strict=True)], states.count(State.INVALID)


def _texts(column: Any) -> tuple[Values, int]:
    return [*categories_of(column)], 0


def _lists(column: Any) -> tuple[Values, int]:
    values = [[number(one) for one in value] if isinstance(value, list) else None for value in column]
    return values, sum(value is not None and not isinstance(value, list) for value in column)


_READERS = {"number": _numbers, "text": _texts, "numbers": _lists}


class TrainingFile:
    """Writes rows to a file in constant memory, and hashes what they hold on the way."""

    def __init__(self, path: Path, format_: Format, model: str, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._schema = pa.schema([(column.name, _ARROW[column.type]) for column in columns])
        self._content = hashlib.sha256()
        self._hash([model, [[column.name, column.type] for column in columns]])
        self._csv = format_ is Format.CSV
        self._writer = self._open(path)
        self._pending: list[pa.Table] = []

    def _open(self, path: Path) -> Any:
        if self._csv:
            return pa.csv.CSVWriter(path, _flat(self._schema.empty_table()).schema)
        return pa.parquet.ParquetWriter(path, self._schema, compression="zstd")

    @property
    def content_sha256(self) -> str:
        """The hash of the rows so far, whatever the format: see docs/flywheel.md."""
        return self._content.hexdigest()

    def write(self, values: Mapping[str, Values]) -> None:
        """Add rows, given as columns of equal length."""
        table = pa.table([values[column.name] for column in self._columns], self._schema)
        for row in zip(*(_canonical(values[column.name], column.type) for column in self._columns), strict=True):
            self._hash(row)
        self._pending.append(_flat(table) if self._csv else table)
        if (
            sum(one.num_rows for one in self._pending) >= GROUP_ROWS
            or sum(one.nbytes for one in self._pending) >= GROUP_BYTES
        ):
            self._flush()

    def close(self) -> None:
        """Finish the file."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        """Write what is pending as one group: what Parquet notes of each group stays in memory to the end."""
        if self._pending:
            self._writer.write_table(pa.concat_tables(self._pending))
            self._pending = []

    def _hash(self, line: object) -> None:
        self._content.update(json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")


def _canonical(values: Values, type_: str) -> Values:
    """The values as JSON has them in the hash: times in UTC, numbers as doubles, those that JSON lacks as strings."""
    match type_:
        case "time":
            return [iso(value) for value in values]
        case "number":
            numbers = np.array(values, np.float64)  # None becomes NaN
            return numbers.tolist() if np.isfinite(numbers).all() else [_number(value) for value in values]
        case "numbers":
            return [None if value is None else [_number(one) for one in value] for value in values]
    return values


def _number(value: float | None) -> float | str | None:
    if value is None:
        return None
    value = float(value)
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def iso(time: datetime) -> str:
    """A time to the microsecond, in UTC: 2026-01-31T12:00:00.000000Z."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _flat(table: pa.Table) -> pa.Table:
    """The table as CSV can hold it: lists as JSON, times in ISO 8601."""
    for at, field in enumerate(table.schema):
        if pa.types.is_list(field.type):
            texts = [None if v is None else json.dumps([_number(x) for x in v]) for v in table[at].to_pylist()]
            table = table.set_column(at, field.name, pa.array(texts, pa.string()))
        elif pa.types.is_timestamp(field.type):
            table = table.set_column(at, field.name, pa.array([iso(v) for v in table[at].to_pylist()], pa.string()))
    return table


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A name to write to, beside `path`, whose file takes its place at the end; on any error nothing is left."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def file_sha256(path: Path) -> str:
    """The hash of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
