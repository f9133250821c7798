"""What a version answers now beside what it answered on its reference: its scores and its classes, from profiles."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import Connection, Engine, select

from app.core.codec import decode_counts
from app.core.fold import WHOLE
from app.core.layout import Layout
from app.core.model import Task
from app.core.profile import FloatArray, OutcomeCounts
from app.services.read_models.histogram import Comparison, Side
from app.storage.engine import read
from app.storage.evaluations import outcomes_between
from app.storage.references import find_reference
from app.storage.tables import reference_profile

BARS = 40


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """The reference against the windows that were served; `scores` and `classes` are None where there are none."""

    scores: Comparison | None
    classes: Comparison | None


def answers(
    engine: Engine, version_id: int, *, since: datetime, until: datetime, segment: str = WHOLE
) -> Answers | None:
    """The answers of the windows that start in [since, until), of all rows or a segment; None without a reference."""
    with read(engine) as connection:
        stored = find_reference(connection, version_id)
        if stored is None:
            return None
        layout = stored.layout
        reference = _total(layout, _of_reference(connection, version_id, segment))
        served = [counts for _, counts in outcomes_between(connection, version_id, since, until, segment).values()]
    now = _total(layout, served)
    return Answers(_scores(layout, reference, now, len(served)), _classes(layout, reference, now, len(served)))


def _of_reference(connection: Connection, version_id: int, segment: str) -> Iterable[OutcomeCounts]:
    columns = reference_profile.c
    query = select(columns.outcomes).where(columns.version_id == version_id, columns.segment == segment)
    return (decode_counts(OutcomeCounts, packed) for packed in connection.scalars(query).yield_per(50))


def _total(layout: Layout, counts: Iterable[OutcomeCounts]) -> FloatArray:
    """[K, S] predictions by class and score bin."""
    total = np.zeros((len(layout.classes), layout.score_bins + 1))
    for one in counts:
        total += one.predicted
    return total


def _scores(layout: Layout, reference: FloatArray, now: FloatArray, windows: int) -> Comparison | None:
    """Equally wide bars over the layout's bins; a bin that a bar cuts through is divided evenly."""
    if not reference[:, :-1].any() and not now[:, :-1].any():
        return None
    inner = np.array(layout.score_edges)
    width = inner[-1] - inner[0]
    is_share = layout.task is not Task.REGRESSION
    low, high = (
        (min(0.0, inner[0]), max(1.0, inner[-1])) if is_share else (inner[0] - width / 20, inner[-1] + width / 20)
    )
    edges = np.linspace(low, high, BARS + 1)
    bins = np.concatenate([[low], inner, [high]])
    sides = [_side(_shares(_rebinned(part[:, :-1].sum(axis=0), bins, edges)), part) for part in (reference, now)]
    return Comparison("Scores" if is_share else "Predicted values", edges, (), sides[0], sides[1], 0.0, windows)


def _classes(layout: Layout, reference: FloatArray, now: FloatArray, windows: int) -> Comparison | None:
    if layout.task is Task.REGRESSION:
        return None
    sides = [_side(_shares(part.sum(axis=1)), part) for part in (reference, now)]
    return Comparison("Predicted classes", None, tuple(layout.classes), sides[0], sides[1], 0.0, windows)


def _rebinned(counts: FloatArray, bins: FloatArray, edges: FloatArray) -> FloatArray:
    """Counts of the bins [S] as counts between the edges [B + 1]."""
    reached = np.concatenate([[0.0], np.cumsum(counts)])
    return np.asarray(np.diff(np.interp(edges, bins, reached)))


def _side(shares: FloatArray, part: FloatArray) -> Side:
    """`missing` is the share of the predictions without a finite score."""
    rows = part.sum()
    return Side(shares, int(rows), float(part[:, -1].sum() / max(rows, 1.0)), 0.0, 0.0, None)


def _shares(counts: FloatArray) -> FloatArray:
    total = counts.sum()
    return np.asarray(counts / total) if total else counts
