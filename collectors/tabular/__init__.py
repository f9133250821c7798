"""CSV, Parquet and NDJSON files: read in chunks of constant memory, and turned into records by named columns."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from pathlib import Path

from app.core.errors import InvalidError
from collectors.tabular.cells import Kind
from collectors.tabular.csv_file import CsvTable
from collectors.tabular.mapping import ColumnMapping, CorrectionMapping, check_columns
from collectors.tabular.ndjson_file import NdjsonTable
from collectors.tabular.parquet_file import ParquetTable
from collectors.tabular.records import CorrectionReader, OfflineFeaturesReader, PredictionReader, Records
from collectors.tabular.roles import Served, parse_served
from collectors.tabular.table import CHUNK_ROWS, Chunk, RowError, Table

__all__ = [
    "CHUNK_ROWS",
    "Chunk",
    "ColumnMapping",
    "CorrectionMapping",
    "CorrectionReader",
    "FileFormat",
    "Kind",
    "OfflineFeaturesReader",
    "PredictionReader",
    "Records",
    "RowError",
    "Served",
    "Table",
    "check_columns",
    "open_table",
    "parse_served",
]


class FileFormat(StrEnum):
    """What a file may be; CSV and NDJSON also compressed, as .gz."""

    CSV = "csv"
    PARQUET = "parquet"
    NDJSON = "ndjson"


_SUFFIXES = {
    ".csv": FileFormat.CSV,
    ".parquet": FileFormat.PARQUET,
    ".pq": FileFormat.PARQUET,
    ".ndjson": FileFormat.NDJSON,
    ".jsonl": FileFormat.NDJSON,
}


def open_table(
    path: Path,
    format: str | None = None,  # noqa: A002  the word of the command line
    *,
    expected: Mapping[str, Kind] | None = None,
    exclude: Collection[str] = (),
) -> Table:
    """A file ready to be read; its format is told by its suffix where none is given.

    `expected`: how the texts of a CSV file's columns are to be read, where that is known. `exclude`: columns that may
    hold anything. Raises InvalidError for a file that is not of its format, naming what is allowed.
    """
    if not path.is_file():
        raise InvalidError("file", str(path), "it must be an existing file")
    kind = _format_of(path, format)
    if kind is FileFormat.PARQUET:
        return ParquetTable(path, exclude)
    return NdjsonTable(path) if kind is FileFormat.NDJSON else CsvTable(path, expected or {})


def _format_of(path: Path, given: str | None) -> FileFormat:
    if given is not None:
        try:
            return FileFormat(given)
        except ValueError as error:
            raise InvalidError("format", given, f"allowed are {', '.join(FileFormat)}") from error
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    if not suffixes or suffixes[-1] not in _SUFFIXES:
        raise InvalidError(
            "file", path.name, f"its name must end in {', '.join(_SUFFIXES)}, or the format must be given"
        )
    return _SUFFIXES[suffixes[-1]]
