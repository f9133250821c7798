"""Parquet: columns carry their types. Read in batches: a row group need not fit into memory as Python values."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from app.core.errors import InvalidError
from app.core.records import MOST_NUMBERS, FeatureValue, Scalar
from collectors.tabular.cells import json_number
from collectors.tabular.table import CHUNK_ROWS, Chunk

ALLOWED = "allowed are numbers, booleans, texts, times, dates and lists of numbers; exclude the column if not needed"
CHUNK_BYTES = 16 * 2**20
"""A bite of very wide rows ends at about so many bytes, so that memory stays bounded whatever the file holds."""


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
            if not (_is_scalar(schema.field(name).type) or _is_list(schema.field(name).type)):
                raise InvalidError(name, str(schema.field(name).type), ALLOWED)

    def chunks(self, rows: int = CHUNK_ROWS) -> Iterator[Chunk]:
        done = 0
        try:
            with pq.ParquetFile(self._path, pre_buffer=False) as file:
                total = max(1, file.metadata.num_rows)
                bite = min(rows, _fitting_rows(file.metadata))
                for batch in file.iter_batches(batch_size=bite, columns=self._read, use_threads=False):
                    columns = {name: _values(name, batch.column(name)) for name in self._read}
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


def _is_list(kind: pa.DataType) -> bool:
    a_list = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return bool(a_list and (pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type)))


def _fitting_rows(metadata: pq.FileMetaData) -> int:
    size: int = sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))
    rows: int = metadata.num_rows
    return max(1, CHUNK_BYTES * rows // max(1, size))


def _values(name: str, column: pa.Array) -> Sequence[FeatureValue]:
    """[N] values of a column. Raises InvalidError for a list that is too long."""
    if not _is_list(column.type):
        return _cells(column)
    longest = pc.max(pc.list_value_length(column)).as_py() or 0
    if longest > MOST_NUMBERS:
        raise InvalidError(name, f"a list of {longest}", f"allowed are at most {MOST_NUMBERS} numbers; or exclude it")
    lists: list[FeatureValue] = column.to_pylist()
    whole = pc.cast(column.flatten(), pa.float64())
    if not whole.null_count and np.isfinite(whole.to_numpy(zero_copy_only=False)).all():
        return lists
    return [_wire(value) if isinstance(value, list) else value for value in lists]


def _wire(numbers: list[Scalar]) -> list[Scalar]:
    """The list with the numbers that are not finite as JSON can carry them."""
    return [json_number(one) if isinstance(one, float) else one for one in numbers]


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
