"""Chunks of a file as rows of a reference: columns, ready to be counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from app.core.model import Task, Window
from app.core.records import FeatureValue
from collectors.tabular.mapping import ColumnMapping
from collectors.tabular.roles import Served, cells_of, parse_served
from collectors.tabular.table import Chunk, RowError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ReferenceRows:
    """The N good rows of a chunk as columns, and the errors of the others. Without a column of times all are None."""

    times: Sequence[datetime | None]
    classes: Sequence[str | None]
    values: Sequence[float | None]
    scores: Sequence[float | None]
    label_classes: Sequence[str | None]
    label_values: Sequence[float | None]
    latencies: Sequence[float | None]
    features: Mapping[str, Sequence[FeatureValue]]
    errors: Sequence[RowError]
    attributes: Mapping[str, Sequence[FeatureValue]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.classes)


@dataclass(frozen=True, slots=True)
class ReferenceReader:
    """Turns chunks into rows of a reference with the named `features` and `attributes`, where a column may be both.

    Times outside `span` are faults.
    """

    task: Task
    mapping: ColumnMapping
    features: Sequence[str]
    span: Window
    zone: ZoneInfo | None = None
    attributes: Sequence[str] = ()

    def read(self, chunk: Chunk) -> ReferenceRows:
        served = parse_served(chunk, self.mapping, self.task, self.zone)
        self._fault_times(served)
        faults = served.faults.rows
        good = [row for row in range(len(chunk.lines)) if row not in faults] if faults else None
        return ReferenceRows(
            _pick(served.times, good),
            _pick(served.classes, good),
            _pick(served.values, good),
            _pick(served.scores, good),
            _pick(served.label_classes, good),
            _pick(served.label_values, good),
            _pick(served.latencies, good),
            {name: _pick(cells_of(chunk, name), good) for name in self.features},
            sorted([*chunk.broken, *faults.values()], key=lambda error: error.line),
            {name: _pick(cells_of(chunk, name), good) for name in self.attributes},
        )

    def _fault_times(self, served: Served) -> None:
        span = f"{self.span.start:%Y-%m-%d} to {self.span.end:%Y-%m-%d %H:%M}"
        for row, time in enumerate(served.times):
            if time is not None and not self.span.start <= time < self.span.end:
                reason = f"{time.isoformat()} is out of range; allowed is {span} (UTC)"
                served.faults.add(row, self.mapping.timestamp or "", time.isoformat(), reason)


def _pick(column: Sequence[T], rows: Sequence[int] | None) -> Sequence[T]:
    return column if rows is None else [column[row] for row in rows]
