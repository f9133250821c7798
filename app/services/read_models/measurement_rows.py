"""Measurements as rows, for the command line, the HTTP interface and everybody who wants to compute on."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, Select, literal, select, tuple_

from app.core.errors import InvalidError, NotFoundError
from app.core.model import Outcome
from app.services.checks import all_checks
from app.storage import tables
from app.storage.catalogue import find_model, find_version
from app.storage.engine import read

MOST_ROWS = 100_000

_measurement = tables.measurement.c
_KEY = (_measurement.window_start, _measurement.check, _measurement.subject, _measurement.id)


def measurements(
    engine: Engine,
    *,
    model: str,
    version: str | None = None,
    check: str | None = None,
    subject: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    segment: str | None = None,
    outcome: str | None = None,
    limit: int = 10_000,
    after: str | None = None,
) -> list[dict[str, Any]]:
    """The measurements of windows that start in [since, until), by window, check and subject.

    A filter that is None lets everything through; `segment=""` asks for the whole alone. At most `limit` rows are
    given; `after=cursor(last row)` asks for those that follow. A row's `segment` is None for the whole, and its times
    are in UTC.

    Raises:
        NotFoundError: there is no such model, version or check.
        InvalidError: `outcome`, `limit` or `after` is none that is allowed.
    """
    _validate(check, outcome, limit)
    with read(engine) as connection:
        query = _of_versions(connection, model, version)
        for column, wanted in (
            (_measurement.check, check),
            (_measurement.subject, subject),
            (_measurement.segment, segment),
            (_measurement.outcome, outcome),
        ):
            query = query if wanted is None else query.where(column == wanted)
        query = query if since is None else query.where(_measurement.window_start >= since)
        query = query if until is None else query.where(_measurement.window_start < until)
        query = query if after is None else query.where(_follows(after))
        rows = connection.execute(query.order_by(*_KEY).limit(limit))
        return [{**row, "segment": row["segment"] or None} for row in rows.mappings()]


def cursor(row: Mapping[str, Any]) -> str:
    """Where a row stands in the order of `measurements`, as a text for its `after`."""
    position = (row["window_start"], row["check"], row["subject"], row["id"])
    return base64.urlsafe_b64encode(msgspec.json.encode(position)).decode()


def _validate(check: str | None, outcome: str | None, limit: int) -> None:
    if check is not None and check not in all_checks():
        raise NotFoundError("check", check, sorted(all_checks()))
    if outcome is not None and outcome not in set(Outcome):
        raise InvalidError("outcome", outcome, f"allowed are {', '.join(Outcome)}")
    if not 1 <= limit <= MOST_ROWS:
        raise InvalidError("limit", limit, f"allowed is 1 to {MOST_ROWS}")


def _of_versions(connection: Connection, model: str, version: str | None) -> Select[Any]:
    """All measurements of the model, or of one of its versions."""
    found = find_model(connection, model)
    query = select(
        literal(found.name).label("model"),
        tables.version.c.name.label("version"),
        *(column for column in _measurement if column.key not in {"version_id", "evaluated_at"}),
    ).join_from(tables.measurement, tables.version)
    if version is None:
        return query.where(tables.version.c.model_id == found.id)
    return query.where(_measurement.version_id == find_version(connection, found.id, version).id)


def _follows(after: str) -> ColumnElement[bool]:
    """The rows behind a cursor."""
    try:
        packed = base64.urlsafe_b64decode(after.encode())
        position = msgspec.json.decode(packed, type=tuple[datetime, str, str, int])
    except (binascii.Error, msgspec.MsgspecError, UnicodeError) as error:
        raise InvalidError("after", after, "use the cursor of a row that was given") from error
    if position[0].tzinfo is None:
        raise InvalidError("after", after, "use the cursor of a row that was given")
    values = (literal(value, column.type) for column, value in zip(_KEY, position, strict=True))
    return tuple_(*_KEY) > tuple_(*values)
