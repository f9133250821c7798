"""Parquet: columns carry their types. Read in batches: a row group need not fit into memory as Python values."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from app.core.errors import InvalidError
from app.core.records import Scalar
from collectors.tabular.cells import json_number
from collectors.tabular.table import CHUNK_ROWS, Chunk

ALLOWED = "allowed are numbers, booleans, texts, times and dates; exclude the column if it is not needed"


class ParquetTable:
    """A Parquet file; `exclude` names columns that are not even read."""

    def __init__(self, path: Path, exclude: Collection[str]) -> None:
        self._path = path
        try:
            schema = pq.read_schema(path)
        except (pa.ArrowInvalid, OSError) as error:
            raise InvalidError("file", path.name, f"it is no Parquet file: {error}") from error
        self.columns = list(schema.names)
        self._read = [name for name in schema.names if name not in exclude]
        if twice := sorted({name for name in self.columns if self.columns.count(name) > 1}):
            raise InvalidError(
                "file", path.name, f"every column needs a name of its own; given twice: {', '.join(twice)}"
            )
        for name in self._read:
            if not _is_scalar(schema.field(name).type):
                raise InvalidError(name, str(schema.field(name).type), ALLOWED)

    def chunks(self, rows: int = CHUNK_ROWS) -> Iterator[Chunk]:
        done = 0
        try:
            with pq.ParquetFile(self._path, pre_buffer=False) as file:
                total = max(1, file.metadata.num_rows)
                for batch in file.iter_batches(batch_size=rows, columns=self._read, use_threads=False):
                    columns = {name: _cells(batch.column(name)) for name in self._read}
                    end = done + batch.num_rows
                    yield Chunk(columns, range(done + 1, end + 1), end, end / total)
                    done = end
        except (pa.ArrowInvalid, OSError, UnicodeDecodeError) as error:
            raise InvalidError("file", self._path.name, f"it cannot be read beyond row {done}: {error}") from error


def _is_scalar(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_scalar(kind.value_type)
    tests = (
        pa.types.is_boolean,
        pa.types.is_integer,
        pa.types.is_floating,
        pa.types.is_decimal,
        pa.types.is_string,
        pa.types.is_large_string,
        pa.types.is_timestamp,
        pa.types.is_date,
        pa.types.is_null,
    )
    return any(test(kind) for test in tests)


def _cells(column: pa.Array) -> list[Scalar]:
    """[N] values; null is None, a number that is not finite its name, a time or date its ISO text."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _cells(column.dictionary_decode())
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _floats(pc.cast(column, pa.float64()))
    if pa.types.is_timestamp(kind):
        # Python's times have microseconds; the nanoseconds below them tell a monitor nothing.
        column = pc.cast(column, pa.timestamp("us", kind.tz), safe=False)
        return [None if time is None else time.isoformat() for time in column.to_pylist()]
    if pa.types.is_date(kind):
        return [None if day is None else day.isoformat() for day in column.to_pylist()]
    cells: list[Scalar] = column.to_pylist()
    return cells


def _floats(column: pa.Array) -> list[Scalar]:
    values = column.to_numpy(zero_copy_only=False)
    cells: list[Scalar] = values.tolist()
    if np.isfinite(values).all():
        return cells
    missing = column.is_null().to_numpy(zero_copy_only=False)
    for row in np.flatnonzero(~np.isfinite(values)):
        cells[row] = None if missing[row] else json_number(values[row])
    return cells
