"""How many subjects of each check had which verdict in each window, of all rows: counted when they are judged, so that
what shows every model at once reads a row per check, and not one per feature.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, delete, func, insert, literal, select

from app.core.fold import WHOLE
from app.core.model import Outcome
from app.storage.tables import measurement, verdict_count

COUNTED = {Outcome.OK: "ok", Outcome.BREACH: "breach", Outcome.NOT_EVALUATED: "not_evaluated"}
"""The column of each verdict."""


def count_verdicts(connection: Connection, version_id: int, start: datetime, end: datetime) -> None:
    """Count the version's measurements of the windows that start in [start, end) anew."""
    forget_verdicts(connection, version_id, start, end)
    found = measurement.c
    mine = and_(found.version_id == version_id, found.segment == WHOLE)
    query = counting(mine & (found.window_start >= start) & (found.window_start < end))
    names = ["version_id", "window_start", "check", *COUNTED.values()]
    connection.execute(insert(verdict_count).from_select(names, query))


def counting(chosen: ColumnElement[bool]) -> Select[Any]:
    """Version, window, check and the counts of COUNTED, one row for each, of the measurements that are chosen."""
    found = measurement.c
    keys = (found.version_id, found.window_start, found.check)
    counts = (func.sum(case((found.outcome == outcome.value, 1), else_=0)) for outcome in COUNTED)
    return select(*keys, *counts).where(chosen).group_by(*keys)


def is_breach() -> ColumnElement[bool]:
    """Whether a measurement is a breach of all rows, in the words of the index of breaches, so that it is used."""
    breach, whole = (literal(value, literal_execute=True) for value in (Outcome.BREACH.value, WHOLE))
    return and_(measurement.c.outcome == breach, measurement.c.segment == whole)


def forget_verdicts(
    connection: Connection, version_id: int, start: datetime | None = None, end: datetime | None = None
) -> None:
    """Forget what was counted of the version in the windows that start in [start, end); by default in all of them."""
    known = verdict_count.c
    where = [known.version_id == version_id]
    where += [known.window_start >= start] if start else []
    where += [known.window_start < end] if end else []
    connection.execute(delete(verdict_count).where(*where))
