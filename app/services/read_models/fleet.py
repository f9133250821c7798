"""Every model at a glance: is anything wrong, since when, and the few numbers that say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row, and_, column, func, or_, select, values

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
    chosen = [and_(_profile.version_id == version, _profile.window_start >= start) for version, start in since.items()]
    if not chosen:
        return {}
    query = (
        select(_profile.version_id, _profile.window_start, _profile.rows, _profile.updated_at)
        .where(or_(*chosen), _profile.segment == "")
        .order_by(_profile.window_start)
    )
    found: dict[int, list[Row[*tuple[Any, ...]]]] = {}
    for row in connection.execute(query):
        found.setdefault(row.version_id, []).append(row)
    return found


def _readings(connection: Connection, since: Mapping[int, datetime]) -> dict[int, dict[str, Reading]]:
    """The reading of each check that stands on a card, by version and check."""
    if not since:
        return {}
    # Each series is a range of the unique index: windows with all their subjects are never read.
    series = [
        (version_id, check, subject, start)
        for version_id, start in since.items()
        for check, subjects in SHOWN.items()
        for subject in subjects
    ]
    keys = (_measurement.version_id, _measurement.check, _measurement.subject)
    shown = values(*keys, column("since", UtcDateTime), name="shown").data(series).cte()
    same = and_(*(key == shown.c[key.key] for key in keys), _measurement.segment == WHOLE)
    names = ("version_id", "check", "subject", "statistic", "outcome", "value", "limit", "reason", "window_start")
    query = (
        select(*(_measurement[name] for name in names))
        .join_from(shown, tables.measurement, and_(same, _measurement.window_start >= shown.c.since))
        .order_by(_measurement.window_start)
    )
    rows: dict[tuple[int, str], dict[str, list[Row[*tuple[Any, ...]]]]] = {}
    for row in connection.execute(query):
        rows.setdefault((row.version_id, row.check), {}).setdefault(row.subject, []).append(row)
    found: dict[int, dict[str, Reading]] = {}
    for (version_id, check), by_subject in rows.items():
        best = next(subject for subject in SHOWN[check] if subject in by_subject)
        found.setdefault(version_id, {})[check] = _reading(by_subject[best])
    return found


def _reading(rows: list[Row[*tuple[Any, ...]]]) -> Reading:
    """The newest row that has a value, else the newest, which says why there is none."""
    newest = next((row for row in reversed(rows) if row.value is not None), rows[-1])
    return Reading(
        newest.subject,
        newest.statistic,
        Outcome(newest.outcome),
        newest.value,
        newest.limit,
        newest.reason,
        newest.window_start,
        trend=tuple(row.value for row in rows),
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
