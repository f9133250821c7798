"""Measurements as arrays to draw: how values moved against their limits, and all subjects of a check at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Engine, Row, and_, select

from app.core.fold import WHOLE
from app.core.model import Outcome
from app.storage import tables
from app.storage.engine import read

FloatArray: TypeAlias = NDArray[np.float64]

_measurement = tables.measurement.c

MOST_SUBJECTS = 25
"""More rows than that are no picture any more."""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One subject of one check over W windows, oldest first. NaN marks what there is none of.

    `limits` are what the values are held against, `low` and `high` bound what is normal, `lower` and `upper` the
    uncertainty of the value; all [W], in the unit of `statistic`. `expected_rate` is the newest known chance per window
    of a false breach.
    """

    check: str
    subject: str
    statistic: str
    starts: tuple[datetime, ...]
    values: FloatArray
    limits: FloatArray
    low: FloatArray
    high: FloatArray
    lower: FloatArray
    upper: FloatArray
    outcomes: tuple[Outcome, ...]
    reasons: tuple[str, ...]
    expected_rate: float | None


@dataclass(frozen=True, slots=True, eq=False)
class HeatMap:
    """Value over limit for S subjects, the worst first, and W windows, oldest first.

    `values` and `ratio` [S, W], NaN where there is no value, or no limit. `outcomes` [S, W]: the Outcome's text, ""
    where nothing was measured. `hidden` counts the subjects left out below the last row.
    """

    subjects: tuple[str, ...]
    starts: tuple[datetime, ...]
    values: FloatArray
    ratio: FloatArray
    outcomes: NDArray[np.str_]
    hidden: int

    def newest(self, subject: int) -> int:
        """The subject's newest window with a verdict, else its newest with anything; as an index of `starts`."""
        outcomes = self.outcomes[subject]
        judged = np.flatnonzero((outcomes == Outcome.OK.value) | (outcomes == Outcome.BREACH.value))
        known = judged if judged.size else np.flatnonzero(outcomes != "")
        return int(known[-1])


def series(
    engine: Engine,
    version_id: int,
    check: str,
    *,
    since: datetime,
    until: datetime,
    subjects: Sequence[str] | None = None,
    segment: str = WHOLE,
) -> list[Series]:
    """The series of the check's subjects (None: all, by name) over the windows that start in [since, until)."""
    chosen = _of(version_id, check, since, until, segment)
    query = select(tables.measurement).where(chosen).order_by(_measurement.window_start)
    if subjects is not None:
        query = query.where(_measurement.subject.in_(subjects))
    rows: dict[str, list[Row[*tuple[Any, ...]]]] = {}
    with read(engine) as connection:
        for row in connection.execute(query):
            rows.setdefault(row.subject, []).append(row)
    order = sorted(rows) if subjects is None else [subject for subject in subjects if subject in rows]
    return [_series(check, subject, rows[subject]) for subject in order]


def heat_map(
    engine: Engine,
    version_id: int,
    check: str,
    *,
    since: datetime,
    until: datetime,
    segment: str = WHOLE,
    search: str = "",
    most: int = MOST_SUBJECTS,
) -> HeatMap:
    """The check's `most` worst subjects: in breach now, then most often, then nearest to the limit.

    `search` narrows them to those whose name has it in it, in capitals or not.
    """
    names = ("subject", "window_start", "value", "limit", "outcome")
    query = select(*(_measurement[name] for name in names)).where(_of(version_id, check, since, until, segment))
    if search:
        query = query.where(_measurement.subject.icontains(search, autoescape=True))
    with read(engine) as connection:
        # Plain tuples in columns: these are the most rows that any page reads.
        columns = list(zip(*connection.execute(query).all(), strict=True)) or [()] * len(names)
    subjects, row = _numbered(columns[0])
    starts, column = _numbered(columns[1])
    value, limit = (np.array(one, dtype=np.float64) for one in columns[2:4])
    values = np.full((len(subjects), len(starts)), np.nan)
    ratio, outcomes = values.copy(), np.full(values.shape, "", dtype="U13")
    values[row, column] = value
    ratio[row, column] = _ratio(value, limit)
    outcomes[row, column] = columns[4]
    order = _worst_first(ratio, outcomes)[:most]
    return HeatMap(
        tuple(subjects[i] for i in order),
        tuple(starts),
        values[order],
        ratio[order],
        outcomes[order],
        len(subjects) - order.size,
    )


def _of(version_id: int, check: str, since: datetime, until: datetime, segment: str = WHOLE) -> ColumnElement[bool]:
    return and_(
        _measurement.version_id == version_id,
        _measurement.check == check,
        _measurement.segment == segment,
        _measurement.window_start >= since,
        _measurement.window_start < until,
    )


def _series(check: str, subject: str, rows: Sequence[Row[*tuple[Any, ...]]]) -> Series:
    def floats(name: str) -> FloatArray:
        return np.array([getattr(row, name) for row in rows], dtype=np.float64)

    limit, normal = floats("limit"), floats("normal")
    tolerance = np.abs(limit - normal)
    distance = np.isnan(normal)
    rates = [row.expected_rate for row in rows if row.expected_rate is not None]
    return Series(
        check,
        subject,
        rows[-1].statistic,
        tuple(row.window_start for row in rows),
        floats("value"),
        limit,
        np.where(distance, np.where(np.isnan(limit), np.nan, 0.0), normal - tolerance),
        np.where(distance, limit, normal + tolerance),
        floats("lower"),
        floats("upper"),
        tuple(Outcome(row.outcome) for row in rows),
        tuple(row.reason for row in rows),
        rates[-1] if rates else None,
    )


def _numbered(names: Sequence[Any]) -> tuple[list[Any], NDArray[np.intp]]:
    """The different names in order, and for each of `names` its place among them."""
    known = sorted(set(names))
    place = {name: i for i, name in enumerate(known)}
    return known, np.array([place[name] for name in names], dtype=np.intp)


def _ratio(value: FloatArray, limit: FloatArray) -> FloatArray:
    """NaN without a value or a limit; any value is infinitely far beyond a limit of 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.abs(value / limit)
    return np.where((value == 0) & (limit == 0), 0.0, ratio)


def _worst_first(ratio: FloatArray, outcomes: NDArray[np.str_]) -> NDArray[np.intp]:
    """Row numbers: breach in the newest window with a verdict, then breaches, then the ratio there, then the order."""
    if not ratio.size:
        return np.arange(len(ratio))
    judged = (outcomes == Outcome.OK.value) | (outcomes == Outcome.BREACH.value)
    newest = outcomes.shape[1] - 1 - np.argmax(judged[:, ::-1], axis=1)
    rows = np.arange(len(ratio))
    breaches = outcomes == Outcome.BREACH.value
    nearness = np.where(judged.any(axis=1), np.nan_to_num(ratio[rows, newest], nan=-1.0), -1.0)
    return np.lexsort((rows, -nearness, -breaches.sum(axis=1), ~breaches[rows, newest]))
