"""What a version's predictions turned out to be worth in a span of windows, beside its reference: from profiles.

Residuals of a regression by predicted value are the exception: profiles keep their errors as sums over a window, so the
reference's sample and a bounded number of labelled rows stand for both sides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import Connection, Engine, Select, select

from app.core.codec import add_counts
from app.core.fold import WHOLE
from app.core.labels import labelled
from app.core.layout import Layout
from app.core.model import Source, Task
from app.core.profile import OutcomeCounts
from app.core.reliability import (
    Confusion,
    Curve,
    Residuals,
    confusion,
    errors_by_score,
    reliability,
    residual_edges,
    residuals,
)
from app.storage import tables
from app.storage.engine import read
from app.storage.recipes import load_recipes
from app.storage.samples import find_sample
from app.storage.spread import spread_predictions


@dataclass(frozen=True, slots=True)
class Labels:
    """Of so many `predictions`, how many have a label, by the source of the effective one. Users' are not trusted with
    quality: `judged` are those of ground truth and audits.
    """

    predictions: int
    judged: int
    by_source: dict[Source, int]


@dataclass(frozen=True, slots=True, eq=False)
class QualityView:
    """Both sides of each part; the reference's is None where it has no labels, and a curve where there is no score."""

    task: Task
    threshold: float
    windows: int
    labels: Labels
    reliability: tuple[Curve | None, Curve | None]
    confusion: tuple[Confusion | None, Confusion | None]


def quality_view(
    engine: Engine, version_id: int, since: datetime, until: datetime, segment: str = WHOLE
) -> QualityView:
    """The windows that start in [since, until); rolled-up hours come as whole days."""
    with read(engine) as connection:
        layout = load_recipes(connection, [version_id])[version_id].layout
        reference, _ = _reference(connection, version_id, layout, segment)
        now, windows = _served(connection, version_id, layout, since, until, segment)
    sides = (reference, now)
    curves: tuple[Curve | None, Curve | None] = (None, None)
    tables_: tuple[Confusion | None, Confusion | None] = (None, None)
    if layout.task is not Task.REGRESSION:
        curves = _where_labelled(reliability(layout, sides), sides, scored=True)
        tables_ = _where_labelled([confusion(layout, side) for side in sides], sides)
    by_source = dict(zip(Source, now.labels.tolist(), strict=True))
    labels = Labels(int(now.rows), int(labelled(now)), by_source)
    return QualityView(layout.task, layout.threshold, windows, labels, curves, tables_)


@dataclass(frozen=True, slots=True, eq=False)
class ErrorsByScore:
    """The share of wrong predictions by score before and after; None where no labelled row has a score."""

    before: Curve | None
    after: Curve | None


def errors_view(
    engine: Engine,
    version_id: int,
    before: tuple[datetime, datetime],
    after: tuple[datetime, datetime],
    segment: str = WHOLE,
) -> ErrorsByScore | None:
    """The error by score in both spans of windows; None for a regression, which has no score."""
    with read(engine) as connection:
        layout = load_recipes(connection, [version_id])[version_id].layout
        if layout.task is Task.REGRESSION:
            return None
        sides = [_served(connection, version_id, layout, *span, segment)[0] for span in (before, after)]
    return ErrorsByScore(*_where_labelled(errors_by_score(layout, sides), sides, scored=True))


@dataclass(frozen=True, slots=True, eq=False)
class ResidualView:
    """Regression: both sides over the same groups of predicted values; None where too few labelled rows are known."""

    reference: Residuals | None
    now: Residuals | None


def residual_view(engine: Engine, version_id: int, since: datetime, until: datetime) -> ResidualView:
    """The labelled rows of the reference's sample, and those of [since, until) that a bounded look finds."""
    with read(engine) as connection:
        sample = find_sample(connection, version_id)
        found = spread_predictions(connection, version_id, since, until, labelled=True)
    sides = [
        _pairs(zip(sample.predicted, sample.label, strict=True) if sample else ()),
        _pairs((row.predicted_value, row.label_value) for row in found.rows),
    ]
    edges = residual_edges(np.concatenate([side[0] for side in sides]))
    told = [residuals(side[0], side[1], edges) if side.shape[1] else None for side in sides]
    return ResidualView(*told)


def _pairs(rows: Iterable[tuple[Any, Any]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """[2, N] finite predicted and true values."""
    numbers = [(said, true) for said, true in rows if isinstance(said, float | int) and isinstance(true, float | int)]
    both = np.array(numbers, dtype=np.float64).reshape(-1, 2).T
    return both[:, np.isfinite(both).all(axis=0)]


def _where_labelled(parts: Any, sides: Any, *, scored: bool = False) -> Any:
    """Each part where its side has labels (of rows with a score), else None."""
    told = [side.outcomes[..., :-1].sum() if scored else side.outcomes.sum() for side in sides]
    return tuple(part if rows else None for part, rows in zip(parts, told, strict=True))


def _reference(connection: Connection, version_id: int, layout: Layout, segment: str) -> tuple[OutcomeCounts, int]:
    c = tables.reference_profile.c
    return _total(connection, layout, [select(c.outcomes).where(c.version_id == version_id, c.segment == segment)])


def _served(
    connection: Connection, version_id: int, layout: Layout, since: datetime, until: datetime, segment: str
) -> tuple[OutcomeCounts, int]:
    queries = [
        select(table.c.outcomes).where(
            table.c.version_id == version_id,
            table.c.segment == segment,
            table.c.window_start > since - early,
            table.c.window_start < until,
        )
        for table, early in ((tables.profile, timedelta(microseconds=1)), (tables.daily_profile, timedelta(days=1)))
    ]
    return _total(connection, layout, queries)


def _total(connection: Connection, layout: Layout, queries: Iterable[Select[Any]]) -> tuple[OutcomeCounts, int]:
    """All profiles of the queries added, and how many they were."""
    total, windows = OutcomeCounts.empty(layout), 0
    for query in queries:
        total, more = add_counts(total, connection.scalars(query).yield_per(50))
        windows += more
    return total, windows
