"""Measurements as arrays to draw: how values moved against their limits, and all subjects of a check at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, Engine, Row, and_, case, func, select

from app.core.fold import WHOLE
from app.core.model import Outcome
from app.storage import tables
from app.storage.engine import read, snapshot

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
    """Value over limit for S subjects, the worst first, and the W windows in which one was measured, oldest first.

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
    where = [_of(version_id, check, since, until, segment)]
    if search:
        where.append(_measurement.subject.icontains(search, autoescape=True))
    with snapshot(engine) as connection:
        ranked = _worst_first(connection, and_(*where))
        subjects = ranked[:most]
        names = ("subject", "window_start", "value", "limit", "outcome")
        query = select(*(_measurement[name] for name in names)).where(*where, _measurement.subject.in_(subjects))
        # Plain tuples in columns: these are the most rows that any page reads.
        columns = list(zip(*connection.execute(query).all(), strict=True)) or [()] * len(names)
    starts = sorted(set(columns[1]))
    row, column = _places(subjects, columns[0]), _places(starts, columns[1])
    value, limit = (np.array(one, dtype=np.float64) for one in columns[2:4])
    values = np.full((len(subjects), len(starts)), np.nan)
    ratio, outcomes = values.copy(), np.full(values.shape, "", dtype="U13")
    values[row, column] = value
    ratio[row, column] = _ratio(value, limit)
    outcomes[row, column] = columns[4]
    return HeatMap(tuple(subjects), tuple(starts), values, ratio, outcomes, len(ranked) - len(subjects))


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


def _places(known: Sequence[Any], names: Sequence[Any]) -> NDArray[np.intp]:
    """For each of `names` its place among those known."""
    place = {name: i for i, name in enumerate(known)}
    return np.array([place[name] for name in names], dtype=np.intp)


def _ratio(value: FloatArray, limit: FloatArray) -> FloatArray:
    """NaN without a value or a limit; any value is infinitely far beyond a limit of 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.abs(value / limit)
    return np.where((value == 0) & (limit == 0), 0.0, ratio)


def _worst_first(connection: Connection, where: ColumnElement[bool]) -> list[str]:
    """The subjects: breach in the newest window with a verdict, then breaches, then the ratio there, then the name."""
    ok, breach = Outcome.OK.value, Outcome.BREACH.value
    newest = func.max(case((_measurement.outcome.in_((ok, breach)), _measurement.window_start)))
    breaches = func.sum(case((_measurement.outcome == breach, 1), else_=0))
    each = select(_measurement.subject, newest.label("newest"), breaches.label("breaches")).where(where)
    of = each.group_by(_measurement.subject).subquery().c
    there = and_(where, _measurement.subject == of.subject, _measurement.window_start == of.newest)
    facts = (of.subject, of.breaches, _measurement.outcome, _measurement.value, _measurement.limit)
    query = select(*facts).select_from(of.subject.table.outerjoin(tables.measurement, there))
    rows = connection.execute(query).all()
    near = np.nan_to_num(_ratio(*(np.array([row[i] for row in rows], dtype=np.float64) for i in (3, 4))), nan=-1.0)
    order = sorted(zip(rows, near, strict=True), key=lambda one: _badness(one[0], float(one[1])))
    return [row.subject for row, _ in order]


def _badness(row: Row[*tuple[Any, ...]], near: float) -> tuple[bool, int, float, str]:
    return row.outcome != Outcome.BREACH.value, -row.breaches, -near, row.subject
