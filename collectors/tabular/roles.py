"""The columns that have a meaning, parsed: ids, times, answers, truths. A cell that misfits faults its row only."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import TypeVar
from zoneinfo import ZoneInfo

from app.core.model import Task
from app.core.records import FeatureValue, Scalar, canonical_label, class_name, number
from collectors.tabular.mapping import NAME_LENGTH, ColumnMapping
from collectors.tabular.table import Chunk, RowError

TIME = "allowed are ISO 8601 times with a zone, like 2026-11-22T08:00:00Z"

_Parsed = TypeVar("_Parsed")


def parse_time(cell: Scalar, zone: ZoneInfo | None) -> datetime:
    """The time of a cell, in UTC; `zone` is that of times that carry none.

    Raises ValueError for what is no time, and for a time whose zone nobody says.
    """
    if cell is None:
        raise ValueError(f"it is missing; {TIME}")
    try:
        time = datetime.fromisoformat(cell.strip() if isinstance(cell, str) else "")
    except ValueError as error:
        raise ValueError(f"{cell!r} is no time; {TIME}") from error
    if time.tzinfo is None:
        if zone is None:
            raise ValueError(f"{cell!r} has no time zone; add it, or say which one the file's times are in (timezone)")
        time = time.replace(tzinfo=zone)
    try:
        return time.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{cell!r} is beyond the calendar") from error


@dataclass(frozen=True, slots=True)
class Faults:
    """The rows of a chunk that cannot be taken, each with its first error."""

    chunk: Chunk
    rows: dict[int, RowError] = field(default_factory=dict)

    def add(self, row: int, column: str, value: object, reason: str) -> None:
        self.rows.setdefault(row, RowError(self.chunk.lines[row], column, value, reason))

    def parse(self, column: str | None, parse: Callable[[Scalar], _Parsed]) -> list[_Parsed | None]:
        """The parsed cells [N] of a column; None where `parse` raised ValueError, and everywhere without a column."""
        if column is None:
            return [None] * len(self.chunk.lines)
        parsed: list[_Parsed | None] = []
        for row, cell in enumerate(cells_of(self.chunk, column)):
            try:
                if isinstance(cell, list):
                    raise ValueError("a list; allowed are single values")
                parsed.append(parse(cell))
            except ValueError as error:
                self.add(row, column, cell, str(error))
                parsed.append(None)
        return parsed


@dataclass(frozen=True, slots=True)
class Served:
    """What a chunk says about each of its N rows, apart from the features. Rows in `faults` are not to be used."""

    ids: Sequence[str | None]
    times: Sequence[datetime | None]
    classes: Sequence[str | None]
    values: Sequence[float | None]
    scores: Sequence[float | None]
    label_classes: Sequence[str | None]
    label_values: Sequence[float | None]
    latencies: Sequence[float | None]
    request_ids: Sequence[str | None]
    faults: Faults


def parse_served(chunk: Chunk, mapping: ColumnMapping, task: Task, zone: ZoneInfo | None) -> Served:
    """Parse the named columns of a chunk."""
    faults = Faults(chunk)
    answers = faults.parse(mapping.prediction, _answer_parser(task))
    labels = faults.parse(mapping.label, _answer_parser(task))
    return Served(
        ids=faults.parse(mapping.id, identifier),
        times=faults.parse(mapping.timestamp, lambda cell: parse_time(cell, zone)),
        classes=[None if answer is None else answer[0] for answer in answers],
        values=[None if answer is None else answer[1] for answer in answers],
        scores=faults.parse(mapping.score, number),
        label_classes=[None if label is None else label[0] for label in labels],
        label_values=[None if label is None else label[1] for label in labels],
        latencies=faults.parse(mapping.latency, _latency),
        request_ids=faults.parse(mapping.request_id, optional_identifier),
        faults=faults,
    )


def cells_of(chunk: Chunk, column: str) -> Sequence[FeatureValue]:
    """[N] the cells of a column; all missing where this chunk does not have it."""
    return chunk.columns.get(column) or [None] * len(chunk.lines)


def identifier(cell: Scalar) -> str:
    """A cell as an id. Whole numbers are written as such, whatever type the file gives them."""
    name = class_name(cell) if isinstance(cell, float) else None if cell is None else str(cell)
    if not name or len(name) > NAME_LENGTH or "\0" in name:
        raise ValueError(f"{name!r} is no id; allowed are 1 to {NAME_LENGTH} characters" if name else "it is missing")
    return name


def optional_identifier(cell: Scalar) -> str | None:
    """A cell as an id that may be missing."""
    return None if cell is None else identifier(cell)


def _latency(cell: Scalar) -> float | None:
    latency = number(cell)
    if latency is not None and not (math.isfinite(latency) and latency >= 0):
        raise ValueError(f"{cell!r} is no duration; allowed are milliseconds, 0 or more")
    return latency


def _answer_parser(task: Task) -> Callable[[Scalar], tuple[str | None, float | None]]:
    """How a predicted or true value becomes (class name, number)."""

    @lru_cache(maxsize=1_000)  # a class comes again and again
    def parse(cell: Scalar) -> tuple[str | None, float | None]:
        name, value = canonical_label(task, cell)
        if name is not None and (len(name) > NAME_LENGTH or "\0" in name):
            raise ValueError(f"{name[:20]!r}... is no class; allowed are 1 to {NAME_LENGTH} characters")
        return name or None, value

    return parse
