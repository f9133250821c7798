"""Rows of files into profiles, chunk by chunk: for references, and for profiles that travel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np

from app.core.fold import UNKNOWN, WHOLE, Rows, Truth, fold_segments
from app.core.layout import Layout
from app.core.model import Source, Task, WindowLength
from app.core.profile import Profile
from app.core.segments import Grouping
from app.services.imports import SHOWN_ERRORS
from collectors.tabular import RowError
from collectors.tabular.references import ReferenceRows

CHUNK_ROWS = 50_000


@dataclass(slots=True)
class FoldedRows:
    """The profiles of all rows by the start of their window, or as one under None where `by` is None."""

    by: WindowLength | None
    windows: dict[datetime | None, Profile] = field(default_factory=dict)
    newest: datetime | None = None

    def add(
        self, layout: Layout, rows: ReferenceRows, groupings: Sequence[Grouping] = ()
    ) -> dict[tuple[str, datetime | None], Profile]:
        """Count a chunk; what its rows are by segment and window is given back."""
        if not len(rows):
            return {}
        columns, by = _columns(layout, rows), self.by
        if by is None:  # at one time, all rows are in one window
            columns = replace(columns, times=np.zeros_like(columns.times))
        folded = fold_segments(layout, columns, by or WindowLength.DAY, groupings)
        found = {(segment, start if by else None): profile for (segment, start), profile in folded.items()}
        for start in {start for _, start in found}:
            profile = found.pop((WHOLE, start))
            self.windows[start] = self.windows[start] + profile if start in self.windows else profile
        self.newest = max((time for time in (*rows.times, self.newest) if time is not None), default=None)
        return found


@dataclass(slots=True)
class CountedRows:
    """The rows that were read, and those that were left out."""

    rows: int = 0
    rejected: int = 0
    errors: list[RowError] = field(default_factory=list)

    def add(self, rows: ReferenceRows) -> None:
        """Count a chunk."""
        self.rows += len(rows)
        self.rejected += len(rows.errors)
        self.errors += rows.errors[: max(0, SHOWN_ERRORS - len(self.errors))]


def _columns(layout: Layout, rows: ReferenceRows) -> Rows:
    """The rows as the fold takes them; without times they all stand at 0."""
    times = [0 if time is None else round(time.timestamp() * 1e6) for time in rows.times]
    latencies = [np.nan if latency is None else latency for latency in rows.latencies]
    return Rows(
        times=np.array(times, dtype=np.int64),
        predicted_class=decided(layout, rows),
        predicted_value=rows.values,
        score=rows.scores,
        latency_ms=np.array(latencies, dtype=np.float64),
        truth=_truth(layout, rows),
        features=rows.features,
    )


def decided(layout: Layout, rows: ReferenceRows) -> list[str | None]:
    """[N] the predicted classes of a file's rows; a binary one that the file leaves out is decided by its score."""
    if layout.task is not Task.BINARY:
        return list(rows.classes)
    negative, positive = layout.classes
    decided = (None if s is None or s != s else positive if s >= layout.threshold else negative for s in rows.scores)
    return [by_score if name is None else name for name, by_score in zip(rows.classes, decided, strict=True)]


def _truth(layout: Layout, rows: ReferenceRows) -> Truth:
    truth = Truth.unknown(len(rows))
    if layout.task is Task.REGRESSION:
        truth.label_value[:] = [np.nan if value is None else value for value in rows.label_values]
        labelled = ~np.isnan(truth.label_value)
    else:
        truth.label_class[:] = rows.label_classes
        labelled = np.array([name is not None for name in rows.label_classes], dtype=np.bool_)
    truth.source[:] = np.where(labelled, Source.GROUND_TRUTH.strength, UNKNOWN)
    return truth
