"""What every tabular file is read as: chunks of named columns, the place of each row, and what could not be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from app.core.records import FeatureValue

CHUNK_ROWS = 10_000
DECIDING_ROWS = 10_000
"""Rows whose cells decide what a column holds; the same ones however the file is chunked."""


@dataclass(frozen=True, slots=True)
class RowError:
    """Why one row of a file was not taken. `line` counts from 1 (Parquet: the row)."""

    line: int
    field: str
    value: object
    error: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.field}: {self.error}" if self.field else f"line {self.line}: {self.error}"


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a file, as columns.

    `columns`: name -> [N] values, None where missing; numbers that are not finite are the strings of NON_FINITE, and
    lists of numbers are lists.
    `lines`: [N] where each row starts, from 1. `end`: the last line consumed. `share`: how much of the file is behind,
    0..1. `broken`: rows that are no rows.
    """

    columns: Mapping[str, Sequence[FeatureValue]]
    lines: Sequence[int]
    end: int
    share: float
    broken: Sequence[RowError] = field(default_factory=list)


class Table(Protocol):
    """An open file format: its columns are known at once, its rows are read as often as asked."""

    @property
    def columns(self) -> Sequence[str]:
        """The names of the columns, in the order of the file."""

    def chunks(self, rows: int = CHUNK_ROWS) -> Iterator[Chunk]:
        """The file from its beginning, `rows` lines at a time, in constant memory."""
