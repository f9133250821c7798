"""What lasted: from when to when each feature lay beyond its limit, and each alert was open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, and_, func, or_, select

from app.core.alerting import State
from app.storage import tables
from app.storage.alerts import is_open
from app.storage.catalogue import find_model
from app.storage.engine import read
from app.storage.verdict_counts import is_breach

FEATURE_CHECKS = ("training_serving_skew", "data_drift", "missing_values", "schema")
"""The checks whose subjects are features: each holds one against what is normal for it."""

_alert, _change, _version, _measured, _counted = (
    tables.alert.c,
    tables.alert_transition.c,
    tables.version.c,
    tables.measurement.c,
    tables.verdict_count.c,
)


@dataclass(frozen=True, slots=True)
class DriftSpan:
    """A run of `windows` windows in breach of a check of one feature in [start, end), no other window of it between."""

    feature: str
    check: str
    version: str
    start: datetime
    end: datetime
    windows: int


@dataclass(frozen=True, slots=True)
class AlertSpan:
    """An alert that was open in [start, end); `start` None: since before what was asked, `end` None: to its end."""

    id: int
    version: str
    check: str
    subject: str
    segment: str
    start: datetime | None
    end: datetime | None


def drift_spans(engine: Engine, model: str, since: datetime, until: datetime) -> list[DriftSpan]:
    """The runs of breaches of the model's features, of all its versions, in windows that start in [since, until).

    Oldest first; the runs are made in the database, from breaches alone. Raises NotFoundError for the model.
    """
    with read(engine) as connection:
        versions = select(_version.id).where(_version.model_id == find_model(connection, model).id)
        row = _breaches(versions, since, until).subquery().c
        start = func.min(row.window_start).label("start")
        query = (
            select(row.subject, row.check, _version.name, start, func.max(row.window_end), func.count())
            .join(tables.version, _version.id == row.version_id)
            .group_by(row.version_id, row.check, row.subject, row.run, _version.name)
            .order_by(start, row.subject, row.check)
        )
        return [DriftSpan(*found) for found in connection.execute(query)]


def _breaches(versions: Select[Any], since: datetime, until: datetime) -> Select[Any]:
    """Every breach of a feature, with a number `run` that those of its series share between which no window lies."""
    window = _windows(versions, since, until).subquery().c
    series = (_measured.version_id, _measured.check, _measured.subject)
    # A window's number among those of its check, less that among the breaches of its series, is the same along a run.
    among_breaches = func.row_number().over(partition_by=series, order_by=_measured.window_start)
    same = and_(*(_measured[name] == window[name] for name in ("version_id", "check", "window_start")))
    return (
        select(*series, _measured.window_start, _measured.window_end, (window.number - among_breaches).label("run"))
        .join(tables.measurement, same)
        .where(is_breach())
    )


def _windows(versions: Select[Any], since: datetime, until: datetime) -> Select[Any]:
    """The windows in which each check was asked, numbered from the first of [since, until) on."""
    number = func.row_number().over(partition_by=(_counted.version_id, _counted.check), order_by=_counted.window_start)
    return select(_counted.version_id, _counted.check, _counted.window_start, number.label("number")).where(
        _counted.version_id.in_(versions),
        _counted.check.in_(FEATURE_CHECKS),
        _counted.window_start >= since,
        _counted.window_start < until,
    )


def alert_spans(engine: Engine, model: str, since: datetime, until: datetime) -> list[AlertSpan]:
    """When the model's alerts were open in [since, until), by alert and time. Raises NotFoundError for the model."""
    with read(engine) as connection:
        rows = _changes(connection, find_model(connection, model).id, since)
    by_alert: dict[int, list[Row[*tuple[Any, ...]]]] = {}
    for row in rows:
        by_alert.setdefault(row.id, []).append(row)
    return [span for found in by_alert.values() for span in _spans(found, until)]


def _changes(connection: Connection, model_id: int, since: datetime) -> Sequence[Row[*tuple[Any, ...]]]:
    """Each alert that is open or changed since then, with its changes since then in their order."""
    query = (
        select(_alert.id, _version.name.label("version"), _alert.check, _alert.subject, _alert.segment, _alert.state)
        .add_columns(_change.at, _change.old_state, _change.new_state)
        .join_from(tables.alert, tables.version, _alert.version_id == _version.id)
        .outerjoin(tables.alert_transition, and_(_change.alert_id == _alert.id, _change.at >= since))
        .where(_version.model_id == model_id, or_(is_open(), _change.id.is_not(None)))
        .order_by(_alert.id, _change.id)
    )
    return connection.execute(query).all()


def _spans(rows: Sequence[Row[*tuple[Any, ...]]], until: datetime) -> Iterator[AlertSpan]:
    """The spans of one alert that begin before `until`."""
    one = rows[0]
    changes = [row for row in rows if row.at is not None]
    opened = State(changes[0].old_state if changes else one.state).open
    start: datetime | None = None
    for row in changes:
        if row.at >= until:
            break
        opens = State(row.new_state).open
        if opened and not opens:
            yield _span(one, start, row.at)
        if opens and not opened:
            start = row.at
        opened = opens
    if opened:
        yield _span(one, start, None)


def _span(one: Row[*tuple[Any, ...]], start: datetime | None, end: datetime | None) -> AlertSpan:
    return AlertSpan(one.id, one.version, one.check, one.subject, one.segment, start, end)
