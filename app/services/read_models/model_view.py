"""What the page of one model starts from: its versions, its reference, how its checks stand and what was done."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, and_, func, select

from app.core.fold import WHOLE
from app.core.model import Model, Outcome, Version, WindowLength
from app.services.baselines import known_seasons
from app.services.checks import checks_by_season
from app.services.read_models.choice import choose_version
from app.services.read_models.false_alarms import FalseAlarms, false_alarms
from app.services.read_models.standings import (
    RECENT_WINDOWS,
    CheckStanding,
    Standing,
    check_standings,
    overall,
    recent,
)
from app.storage import tables
from app.storage.alerts import is_open
from app.storage.catalogue import find_model, list_versions
from app.storage.engine import read
from app.storage.references import reference_windows

_measurement, _profile = tables.measurement.c, tables.profile.c


@dataclass(frozen=True, slots=True)
class Reference:
    """What a version is compared with. `out_of_sample` is None when nobody said.

    `seasonal` are the checks that compare a window with those of its own season; none while not all seasons are known.
    """

    rows: int
    windows: int
    has_timestamps: bool
    out_of_sample: bool | None
    seasonal: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Judged:
    """The newest judged window of one subject that is in breach."""

    check: str
    subject: str
    value: float | None
    limit: float | None
    normal: float | None
    statistic: str
    reason: str
    window_start: datetime
    since: datetime


@dataclass(frozen=True, slots=True)
class ModelView:
    """One version of a model. Windows are None when nothing was counted yet; `breaches` are in the order of `checks`.

    `untold` maps a check that could judge nothing to the newest reason why.
    """

    model: Model
    version: Version
    versions: tuple[str, ...]
    reference: Reference | None
    first_window: datetime | None
    newest_window: datetime | None
    standing: Standing
    open_alerts: int
    checks: tuple[CheckStanding, ...]
    breaches: tuple[Judged, ...]
    untold: dict[str, str]
    false_alarms: FalseAlarms | None = None


def model_view(engine: Engine, model: str, version: str | None = None, segment: str = WHOLE) -> ModelView:
    """The version of that name; without one, the live one among those with data (`shown_version`).

    `segment` narrows the state, the checks, the breaches and the alerts to that part of the rows.

    Raises NotFoundError on an unknown name, and when the model has no version.
    """
    with read(engine) as connection:
        found = find_model(connection, model)
        versions = list_versions(connection, found.id)
        chosen = choose_version(connection, versions, version)
        first, newest, measured = _span(connection, chosen.id)
        last = max((start for start in (newest, measured) if start is not None), default=None)
        since = {} if last is None else {chosen.id: last - (RECENT_WINDOWS - 1) * found.window.delta}
        open_alerts = _open_alerts(connection, chosen.id, segment)
        standings = check_standings(connection, since, segment).get(chosen.id, [])
        checks = [_with_alerts(check, open_alerts) for check in standings]
        return ModelView(
            model=found,
            version=chosen,
            versions=tuple(known.name for known in reversed(versions)),
            reference=_reference(connection, chosen.id, found.window),
            first_window=first,
            newest_window=last,
            standing=overall(checks, served=newest is not None, open_alerts=len(open_alerts)),
            open_alerts=len(open_alerts),
            checks=tuple(checks),
            breaches=_breaches(connection, chosen.id, checks, open_alerts, segment),
            untold=_untold(connection, since, checks, segment),
            false_alarms=false_alarms(connection, found, chosen.id),
        )


def _span(connection: Connection, version_id: int) -> tuple[datetime | None, datetime | None, datetime | None]:
    """The first and the newest window with predictions, and the newest one with measurements."""
    served = and_(_profile.version_id == version_id, _profile.segment == "")
    judged = and_(_measurement.version_id == version_id, _measurement.segment == "")
    # One aggregate a query: the smallest and the largest key are each found at an end of the index.
    return (
        connection.scalar(select(func.min(_profile.window_start)).where(served)),
        connection.scalar(select(func.max(_profile.window_start)).where(served)),
        connection.scalar(select(func.max(_measurement.window_start)).where(judged)),
    )


def _reference(connection: Connection, version_id: int, length: WindowLength) -> Reference | None:
    columns = tables.reference.c
    query = select(columns.rows, columns.has_timestamps, columns.out_of_sample).where(columns.version_id == version_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    windows = reference_windows(connection, version_id)
    seasonal = checks_by_season() if known_seasons(windows, length).windows else frozenset[str]()
    return Reference(row.rows, len(windows), row.has_timestamps, row.out_of_sample, seasonal)


def _open_alerts(connection: Connection, version_id: int, segment: str) -> dict[tuple[str, str, str], datetime | None]:
    """Since when each open alert fires, by check, subject and segment; of all rows and parts, or of the segment."""
    alert = tables.alert.c
    query = select(alert.check, alert.subject, alert.segment, alert.since).where(
        alert.version_id == version_id, is_open()
    )
    if segment != WHOLE:
        query = query.where(alert.segment == segment)
    return {(row.check, row.subject, row.segment): row.since for row in connection.execute(query)}


def _with_alerts(check: CheckStanding, alerts: dict[tuple[str, str, str], datetime | None]) -> CheckStanding:
    """The standing, with a breach as old as its alerts: they remember longer than the windows looked at."""
    starts = [start for (name, *_), start in alerts.items() if name == check.check and start is not None]
    return replace(check, since=min(starts, default=check.since)) if check.since is not None else check


def _breaches(
    connection: Connection,
    version_id: int,
    checks: list[CheckStanding],
    alerts: dict[tuple[str, str, str], datetime | None],
    segment: str,
) -> tuple[Judged, ...]:
    """The subjects in breach in each check's newest judged window."""
    breaching = [check for check in checks if check.standing is Standing.BREACH]
    query = select(tables.measurement).where(
        _measurement.version_id == version_id,
        _measurement.segment == segment,
        _measurement.outcome == Outcome.BREACH.value,
        _measurement.window_start.in_({check.window_start for check in breaching}),
    )
    windows = {check.check: check for check in breaching}
    found: list[Judged] = []
    for row in connection.execute(query.order_by(_measurement.subject)):
        check = windows.get(row.check)
        if check is None or check.window_start != row.window_start:
            continue
        since = alerts.get((row.check, row.subject, segment)) or check.since or row.window_start
        found.append(_judged(row._mapping, since))
    order = list(windows)
    return tuple(sorted(found, key=lambda judged: (order.index(judged.check), judged.since)))


def _judged(row: Any, since: datetime) -> Judged:
    names = ("check", "subject", "value", "limit", "normal", "statistic", "reason", "window_start")
    return Judged(since=since, **{name: row[name] for name in names})


def _untold(
    connection: Connection, since: dict[int, datetime], checks: list[CheckStanding], segment: str
) -> dict[str, str]:
    """The newest reason of every check without any verdict."""
    silent = [check.check for check in checks if check.standing is Standing.CANNOT_TELL]
    if not silent:
        return {}
    query = (
        select(_measurement.check, _measurement.reason)
        .where(recent(since, segment), _measurement.check.in_(silent))
        .order_by(_measurement.window_start, _measurement.subject.desc())
    )
    return {row.check: row.reason for row in connection.execute(query)}
