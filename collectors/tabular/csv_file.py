"""CSV: RFC 4180 with a header line, UTF-8, comma. A row that is no row costs itself, never the file."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from app.core.errors import InvalidError
from collectors.tabular.cells import Kind, decide_kind, read_cells
from collectors.tabular.table import CHUNK_ROWS, DECIDING_ROWS, Chunk, RowError
from collectors.tabular.text_file import TextFile

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class _Texts:
    """A chunk before its cells are read: [C] columns of texts, null where a cell is empty."""

    columns: Sequence[pa.Array]
    lines: Sequence[int]
    end: int
    broken: Sequence[RowError]


class CsvTable:
    """A CSV file. What a column holds is decided by its first DECIDING_ROWS rows; later misfits stay texts."""

    def __init__(self, path: Path, expected: Mapping[str, Kind]) -> None:
        self._path = path
        with TextFile(path) as file:
            self.columns, self._header_lines = _read_header(file, path)
            first = next(self._texts(file, DECIDING_ROWS), None)
        texts = [column.to_pylist() for column in first.columns] if first else [[]] * len(self.columns)
        self._kinds = {n: decide_kind(cells, expected.get(n)) for n, cells in zip(self.columns, texts, strict=True)}

    def chunks(self, rows: int = CHUNK_ROWS) -> Iterator[Chunk]:
        with TextFile(self._path) as file:
            _read_header(file, self._path)
            for texts in self._texts(file, rows):
                cells = {
                    name: read_cells(column, self._kinds[name])
                    for name, column in zip(self.columns, texts.columns, strict=True)
                }
                yield Chunk(cells, texts.lines, texts.end, file.share, texts.broken)

    def _texts(self, file: TextFile, rows: int) -> Iterator[_Texts]:
        done = self._header_lines
        while lines := file.lines(rows):
            texts = _parse_plain(lines, done, self.columns) or _parse_any(lines, file, done, self.columns)
            yield texts
            done = texts.end


def _read_header(file: TextFile, path: Path) -> tuple[list[str], int]:
    """The column names, and how many lines they take."""
    first = file.line().removeprefix(_BYTE_ORDER_MARK)
    try:
        reader = csv.reader(line.decode() for line in chain([first], file))
        names = next(reader, [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidError(
            "file", path.name, f"a CSV file starts with a line of column names in UTF-8: {error}"
        ) from error
    if not names:
        raise InvalidError("file", path.name, "a CSV file starts with a line of column names")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InvalidError("file", path.name, f"every column needs a name of its own; given twice: {', '.join(twice)}")
    return names, reader.line_num


def _parse_plain(lines: Sequence[bytes], done: int, columns: Sequence[str]) -> _Texts | None:
    """The fast way, for lines without blanks and faults: one row each. None when they are not so."""
    block = b"".join(lines)
    if b"\0" in block or block.count(b"\r") != block.count(b"\r\n"):
        return None
    if b'"' in block and any(line.count(b'"') % 2 for line in lines):
        return None  # a quoted cell runs on into the next line, which may be beyond the block
    try:
        table = pa.csv.read_csv(
            pa.BufferReader(block),
            read_options=pa.csv.ReadOptions(use_threads=False, column_names=list(columns), block_size=len(block) + 1),
            convert_options=pa.csv.ConvertOptions(
                column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=True, null_values=[""]
            ),
        )
    except pa.ArrowInvalid:
        return None
    if table.num_rows != len(lines):
        return None
    end = done + len(lines)
    return _Texts([column.combine_chunks() for column in table.columns], range(done + 1, end + 1), end, [])


def _parse_any(lines: Sequence[bytes], file: TextFile, done: int, columns: Sequence[str]) -> _Texts:
    """The careful way, row by row. A quoted cell may run on into lines of the file beyond `lines`."""
    # Bytes that are not UTF-8 pass as surrogates here, so that they fault their own row and no other.
    reader = csv.reader(line.decode("utf-8", "surrogateescape") for line in chain(lines, file))
    rows: list[list[str]] = []
    starts: list[int] = []
    broken: list[RowError] = []
    while reader.line_num < len(lines):
        start = done + reader.line_num + 1
        try:
            row = next(reader, [])
            fault = _fault(row, len(columns))
        except csv.Error as error:
            row, fault = [], str(error)
        if fault:
            broken.append(RowError(start, "", ",".join(row)[:200], fault))
        elif row:
            rows.append(row)
            starts.append(start)
    cells = zip(*rows, strict=True) if rows else [()] * len(columns)
    texts = [pa.array([cell or None for cell in column], pa.string()) for column in cells]
    return _Texts(texts, starts, done + reader.line_num, broken)


def _fault(row: Sequence[str], width: int) -> str:
    """Why this is no row, or nothing. An empty line is neither a row nor a fault."""
    if row and len(row) != width:
        return f"{len(row)} cells where the header has {width} columns"
    text = "".join(row)
    if "\0" in text:
        return "it holds a NUL character, which no text may"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "it is not UTF-8"
    return ""
