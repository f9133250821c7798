"""Stored predictions in the order of their events, read in portions by the index on (version, event time).

A portion is a piece of that order with a known number of rows: the index alone says where it ends, and then only its
rows are looked at. So every statement is short, however few rows are wanted of however many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, literal, select, text, tuple_, union_all

from app.storage.json_values import Condition
from app.storage.row_ids import among
from app.storage.tables import prediction
from app.storage.time_limit import Limited
from app.storage.types import UtcDateTime

MOST_NAMED = 10_000
"""Rows with an id that begins alike, up to which they are looked up by that; of more, time decides the order first."""

_p = prediction.c
_ORDER = (_p.event_time, _p.id)
_SHOWN = tuple(column for column in prediction.c if column.name not in ("batch_id", "class_scores"))


class Direction(StrEnum):
    """Which way to read."""

    OLDER = "older"
    NEWER = "newer"


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the order: that of a row."""

    event_time: datetime
    id: int


@dataclass(frozen=True, slots=True)
class Span:
    """Predictions of these versions, of events in [since, until); None: without that end."""

    version_ids: Sequence[int]
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Portion:
    """What lies behind `start` in the direction, up to and with `end`; None: to that end of the span."""

    direction: Direction
    start: Position | None = None
    end: Position | None = None


def end_of(limited: Limited, span: Span, portion: Portion, rows: int) -> Position | None:
    """The row that ends a portion of so many rows behind `portion.start`; None where there are not so many."""
    reach = [_within(span, version, portion, select(*_ORDER)).limit(rows) for version in span.version_ids]
    one = _merged(reach, portion.direction).offset(rows - 1).limit(1)
    found = limited.execute(one)
    return Position(*found[0]) if found else None


def rows_of(
    limited: Limited, span: Span, portion: Portion, wanted: Condition | None, most: int, *, brief: bool = False
) -> Sequence[Row[Any]]:
    """Up to `most` rows of the portion for which the condition holds, in its direction; `brief`: their places alone."""
    columns = _ORDER if brief else _SHOWN
    parts = [_within(span, version, portion, select(*columns)) for version in span.version_ids]
    if wanted is not None:
        parts = [part.where(wanted) for part in parts]
    rows: Sequence[Row[Any]] = limited.execute(_merged([part.limit(most) for part in parts], portion.direction))
    return rows[:most]


def count_of(limited: Limited, span: Span, portion: Portion, wanted: Condition | None, most: int) -> int:
    """How many rows of the portion the condition holds for, counted up to `most`."""
    total = 0
    for version in span.version_ids:
        part = _within(span, version, portion, select(literal(1).label("one")), ordered=False)
        counted = (part if wanted is None else part.where(wanted)).limit(most - total).subquery()
        [row] = limited.execute(select(func.count()).select_from(counted))
        total += row[0]
        if total >= most:
            break
    return total


def _within(span: Span, version_id: int, portion: Portion, query: Select[Any], *, ordered: bool = True) -> Select[Any]:
    query = _between(span, portion, query).where(_p.version_id == version_id)
    return query.order_by(*_directed(_ORDER, portion.direction)) if ordered else query


def _between(span: Span, portion: Portion, query: Select[Any]) -> Select[Any]:
    older = portion.direction is Direction.OLDER
    key = tuple_(*_ORDER)
    parts: list[ColumnElement[bool]] = []
    if span.since is not None:
        parts.append(_p.event_time >= span.since)
    if span.until is not None:
        parts.append(_p.event_time < span.until)
    if portion.start is not None:
        parts.append(key < _bound(portion.start) if older else key > _bound(portion.start))
    if portion.end is not None:
        parts.append(key >= _bound(portion.end) if older else key <= _bound(portion.end))
    return query.where(*parts)


def _bound(position: Position) -> Any:
    return tuple_(literal(position.event_time, UtcDateTime), literal(position.id))


def _directed(columns: Sequence[ColumnElement[Any]], direction: Direction) -> list[ColumnElement[Any]]:
    return [column.desc() if direction is Direction.OLDER else column.asc() for column in columns]


def _merged(parts: Sequence[Select[Any]], direction: Direction) -> Select[Any]:
    """The rows of all parts in the order."""
    if len(parts) == 1:
        return parts[0]
    every = union_all(*(select(part.subquery()) for part in parts)).subquery()
    return select(every).order_by(*_directed([every.c.event_time, every.c.id], direction))


# --- By prediction id ------------------------------------------------------------------------------------------------


def ids_named(limited: Limited, span: Span, named: Condition) -> list[int] | None:
    """The rows whose prediction id the condition, a range, holds for; None where they are more than MOST_NAMED."""
    found: list[int] = []
    for version_id in span.version_ids:
        query = select(_p.id).where(_p.version_id == version_id, named).limit(MOST_NAMED + 1 - len(found))
        found += [row.id for row in limited.execute(query)]
        if len(found) > MOST_NAMED:
            return None
    return found


def orders_by_bytes(connection: Connection) -> bool:
    """Whether texts are ordered by their bytes, so that those that begin alike stand together in an index."""
    if connection.dialect.name == "sqlite":
        return True
    query = text("SELECT datcollate FROM pg_database WHERE datname = current_database()")
    return connection.scalar(query) in ("C", "POSIX")


def rows_among(
    limited: Limited, span: Span, portion: Portion, ids: Sequence[int], wanted: Condition | None, most: int
) -> Sequence[Row[Any]]:
    """Like `rows_of`, of these rows alone."""
    # `version_id + 0` keeps a planner from walking the version by time in search of a few rows.
    query = _between(span, portion, select(*_SHOWN)).where((_p.version_id + 0).in_(span.version_ids))
    query = query.where(among(limited.connection, _p.id, ids)).order_by(*_directed(_ORDER, portion.direction))
    rows: Sequence[Row[Any]] = limited.execute((query if wanted is None else query.where(wanted)).limit(most))
    return rows
