"""Every model at a glance: is anything wrong, since when, and the few numbers that say so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeAlias

from sqlalchemy import Connection, Engine, Integer, Result, Row, and_, column, func, select, values

from app.core.alerting import State
from app.core.fold import WHOLE
from app.core.model import Model, Outcome, Version
from app.services.read_models.choice import shown_version
from app.services.read_models.standings import (
    RECENT_WINDOWS,
    CheckStanding,
    Standing,
    check_standings,
    overall,
    windows_since,
)
from app.storage import tables
from app.storage.alerts import is_open
from app.storage.catalogue import list_models, list_versions
from app.storage.engine import read
from app.storage.types import UtcDateTime

_measurement, _profile, _alert = tables.measurement.c, tables.profile.c, tables.alert.c

_QUALITY = ("accuracy", "auc", "rmse", "mae")
SHOWN: Mapping[str, tuple[str, ...]] = {
    "confident_share": ("",),
    "correction_rate": ("predictions", "shown"),
    "performance": _QUALITY,
    "estimated_performance": _QUALITY,
    "staleness": ("training_data", "deployment", "labels"),
    "latency": ("p95", "p99", "p50"),
}
"""The checks whose value stands on a card, with the subjects that may stand for them, the best first."""

_KEYS = (_measurement.version_id, _measurement.check, _measurement.subject)
_SERIES_AT_A_TIME = 4000
"""Five bound values each, of the 32,766 that SQLite takes in one statement."""

_Key: TypeAlias = tuple[int, str, str]
_Series: TypeAlias = tuple[int, str, str, datetime]
"""A key, and the window from which on it is asked for, or the one that is."""
_Trend: TypeAlias = list[tuple[datetime, float | None]]
"""Window and value, oldest first."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The newest value of one subject of a check, and the values before it (None: there was none), oldest first."""

    subject: str
    statistic: str
    outcome: Outcome
    value: float | None
    limit: float | None
    reason: str
    window_start: datetime
    trend: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class ModelCard:
    """One model of the fleet. `version` is the one of `shown_version`; None when it has none.

    `open_alerts` are those of all versions: a shadow's alert is not lost behind the one that answers.
    `since` is the start of the present breach, or when the last alert was resolved; None when neither ever was.
    `predictions` are those of `newest_window`, `traffic` those of the windows up to it, oldest first; `counted_at` is
    when the newest were counted.
    """

    model: Model
    version: Version | None
    standing: Standing
    since: datetime | None
    newest_window: datetime | None
    counted_at: datetime | None
    predictions: int | None
    traffic: tuple[int, ...]
    readings: Mapping[str, Reading]
    checks: Mapping[str, CheckStanding]
    open_alerts: int


def overview(engine: Engine, now: datetime, project: str = "default") -> list[ModelCard]:
    """One card per model of the project, the worst first; windows that start after `now` are left out."""
    with read(engine) as connection:
        versions = {version.id: version for version in list_versions(connection)}
        newest = _newest_windows(connection, now)
        chosen = {
            model: shown_version([v for v in versions.values() if v.model_id == model.id], newest)
            for model in list_models(connection, project)
        }
        since = {
            version.id: newest[version.id] - (RECENT_WINDOWS - 1) * model.window.delta
            for model, version in chosen.items()
            if version is not None and version.id in newest
        }
        facts = _Facts(
            _traffic(connection, since),
            _readings(connection, since),
            check_standings(connection, since),
            _alert_facts(connection),
        )
    cards = [_card(model, version, facts) for model, version in chosen.items()]
    return sorted(cards, key=lambda card: (card.standing.urgency, -card.open_alerts, card.model.name))


def model_names(engine: Engine, project: str = "default") -> list[str]:
    """The names of the project's models, those with the most open alerts first: one light query, for what is chosen."""
    model = tables.model.c
    query = (
        select(model.name)
        .outerjoin(tables.version, tables.version.c.model_id == model.id)
        .outerjoin(tables.alert, and_(_alert.version_id == tables.version.c.id, is_open()))
        .where(model.project == project)
        .group_by(model.id, model.name)
        .order_by(func.count(_alert.id).desc(), model.name)
    )
    with read(engine) as connection:
        return list(connection.scalars(query))


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the queries found, by version id; `alerts` by model id."""

    traffic: Mapping[int, list[Row[*tuple[Any, ...]]]]
    readings: Mapping[int, Mapping[str, Reading]]
    checks: Mapping[int, list[CheckStanding]]
    alerts: Mapping[int, Row[*tuple[Any, ...]]]


def _newest_windows(connection: Connection, now: datetime) -> dict[int, datetime]:
    """The start of the newest window that holds predictions or measurements, by version."""

    def newest(table: Any) -> Any:
        mine = and_(table.c.version_id == tables.version.c.id, table.c.segment == "", table.c.window_start <= now)
        return select(func.max(table.c.window_start)).where(mine).correlate(tables.version).scalar_subquery()

    query = select(tables.version.c.id, newest(tables.profile), newest(tables.measurement))
    found = {}
    for version_id, served, measured in connection.execute(query):
        known = [start for start in (served, measured) if start is not None]
        if known:
            found[version_id] = max(known)
    return found


def _traffic(connection: Connection, since: Mapping[int, datetime]) -> dict[int, list[Row[*tuple[Any, ...]]]]:
    """Predictions per window, oldest first. The profiles themselves stay where they are."""
    if not since:
        return {}
    shown = windows_since(since)
    query = (
        select(_profile.version_id, _profile.window_start, _profile.rows, _profile.updated_at)
        .join_from(shown, tables.profile, _profile.version_id == shown.c.version_id)
        .where(_profile.window_start >= shown.c.since, _profile.segment == WHOLE)
        .order_by(_profile.window_start)
    )
    found: dict[int, list[Row[*tuple[Any, ...]]]] = {}
    for row in connection.execute(query):
        found.setdefault(row.version_id, []).append(row)
    return found


def _readings(connection: Connection, since: Mapping[int, datetime]) -> dict[int, dict[str, Reading]]:
    """The reading of each check that stands on a card, by version and check."""
    series = [
        (version_id, check, subject, start)
        for version_id, start in since.items()
        for check, subjects in SHOWN.items()
        for subject in subjects
    ]
    trends = {key: found for part in _portions(series) for key, found in _trends(connection, part)}
    best: dict[tuple[int, str], _Key] = {}
    for key in trends:  # in the order of SHOWN: the first subject that there is stands for the check
        best.setdefault(key[:2], key)
    told = [(*key, _newest_told(trends[key])) for key in best.values()]
    found: dict[int, dict[str, Reading]] = {}
    for part in _portions(told):
        for row in _measured(connection, part):
            trend = trends[row.version_id, row.check, row.subject]
            found.setdefault(row.version_id, {})[row.check] = _reading(row, trend)
    return found


def _portions(series: Sequence[_Series]) -> Iterator[Sequence[_Series]]:
    return (series[at : at + _SERIES_AT_A_TIME] for at in range(0, len(series), _SERIES_AT_A_TIME))


def _trends(connection: Connection, series: Sequence[_Series]) -> Iterator[tuple[_Key, _Trend]]:
    """Windows and values of each series from its time on, oldest first; those without any are left out."""
    # Each series is a range of the unique index: windows with all their subjects are never read. A number stands for
    # its names, since what is made of thousands of rows is what takes the time.
    numbered = [(number, *one) for number, one in enumerate(series)]
    shown = values(column("number", Integer), *_KEYS, column("since", UtcDateTime), name="shown").data(numbered).cte()
    same = and_(*(key == shown.c[key.key] for key in _KEYS), _measurement.segment == WHOLE)
    query = (
        select(shown.c.number, _measurement.window_start, _measurement.value)
        .join_from(shown, tables.measurement, and_(same, _measurement.window_start >= shown.c.since))
        .order_by(shown.c.number, _measurement.window_start)
    )
    for number, rows in groupby(connection.execute(query), itemgetter(0)):
        yield series[number][:3], [(start, value) for _, start, value in rows]


def _newest_told(trend: _Trend) -> datetime:
    """The newest window that has a value, else the newest, whose row says why there is none."""
    return next((start for start, value in reversed(trend) if value is not None), trend[-1][0])


def _measured(connection: Connection, chosen: Sequence[_Series]) -> Result[Any]:
    """One measurement of each series, by its window."""
    asked = values(*_KEYS, column("at", UtcDateTime), name="asked").data(list(chosen)).cte()
    same = and_(*(key == asked.c[key.key] for key in _KEYS), _measurement.segment == WHOLE)
    names = ("version_id", "check", "subject", "statistic", "outcome", "value", "limit", "reason", "window_start")
    query = select(*(_measurement[name] for name in names))
    return connection.execute(
        query.join_from(asked, tables.measurement, and_(same, _measurement.window_start == asked.c.at))
    )


def _reading(row: Row[*tuple[Any, ...]], trend: _Trend) -> Reading:
    return Reading(
        row.subject,
        row.statistic,
        Outcome(row.outcome),
        row.value,
        row.limit,
        row.reason,
        row.window_start,
        trend=tuple(value for _, value in trend),
    )


def _alert_facts(connection: Connection) -> dict[int, Row[*tuple[Any, ...]]]:
    """Per model: open alerts, since when the first of them, and when the last one was resolved."""
    firing, model_id = is_open(), tables.version.c.model_id
    query = (
        select(
            model_id,
            func.count().filter(firing).label("open"),
            func.min(_alert.since).filter(firing).label("since"),
            func.max(_alert.changed_at).filter(_alert.state == State.RESOLVED.value).label("resolved_at"),
        )
        .join_from(tables.alert, tables.version, tables.version.c.id == _alert.version_id)
        .group_by(model_id)
    )
    return {row.model_id: row for row in connection.execute(query)}


def _card(model: Model, version: Version | None, facts: _Facts) -> ModelCard:
    key = version.id if version else 0
    traffic, checks, alerts = facts.traffic.get(key, []), facts.checks.get(key, []), facts.alerts.get(model.id)
    open_alerts = alerts.open if alerts else 0
    standing = overall(checks, served=bool(traffic), open_alerts=open_alerts)
    since = alerts.resolved_at if alerts else None
    if standing is Standing.BREACH:
        starts = [check.since for check in checks if check.since is not None]
        since = alerts.since if alerts and alerts.since else min(starts, default=None)
    return ModelCard(
        model=model,
        version=version,
        standing=standing,
        since=since if standing in {Standing.BREACH, Standing.OK} else None,
        newest_window=traffic[-1].window_start if traffic else None,
        counted_at=traffic[-1].updated_at if traffic else None,
        predictions=traffic[-1].rows if traffic else None,
        traffic=_evenly(traffic, model.window.delta),
        readings=facts.readings.get(key, {}),
        checks={check.check: check for check in checks},
        open_alerts=open_alerts,
    )


def _evenly(traffic: list[Row[*tuple[Any, ...]]], step: timedelta) -> tuple[int, ...]:
    """Predictions in every window between the first and the last one; a window without a profile had none."""
    if not traffic:
        return ()
    rows = {row.window_start: row.rows for row in traffic}
    first, last = traffic[0].window_start, traffic[-1].window_start
    return tuple(rows.get(first + i * step, 0) for i in range(int((last - first) / step) + 1))
