"""Alerts: what the checks found last, the state of each alert, its changes, and the messages about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from sqlalchemy import Connection, Row, Select, and_, case, exists, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from app.core.alerting import AlertState, Finding, State
from app.core.model import Outcome, Stage, Window, WindowLength
from app.storage.tables import alert, alert_transition, measurement, model, profile, version

Series: TypeAlias = tuple[str, str, str]
"""What is followed through the windows of a version: check, subject and segment."""

RETIRED = "the version is retired"
STANDS_BY = "the version is not live, and gets no requests"

_JUDGED = (Outcome.OK.value, Outcome.BREACH.value)


@dataclass(frozen=True, slots=True)
class MeasuredVersion:
    """A version that has measurements, and the start of its newest measured window."""

    version_id: int
    project: str
    model: str
    version: str
    newest_window: datetime
    window: timedelta
    unwatched: str = ""  # why nothing about it is worth an alert: it is retired, or stands by without requests


@dataclass(frozen=True, slots=True)
class StoredAlert:
    """The state of one alert and the row that holds it."""

    id: int
    series: Series
    known: AlertState
    value: float | None
    limit: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of state that has been written, to be told."""

    alert_id: int
    old: State
    new: State
    reason: str
    finding: Finding


def measured_versions(connection: Connection) -> list[MeasuredVersion]:
    """Every version that has measurements. One look into the index per version, however long its history.

    The newest window is that of the whole, which is stored after its segments. A version that only stands by is
    expected to be silent, and what was wrong while it served is no news any more; once it gets requests, it is watched.
    """
    newest = (
        select(func.max(measurement.c.window_start))
        .where(measurement.c.version_id == version.c.id, measurement.c.segment == "")
        .correlate(version)
        .scalar_subquery()
    )
    silent = ~exists().where(
        profile.c.version_id == version.c.id, profile.c.segment == "", profile.c.window_start == newest
    )
    unwatched = case(
        (version.c.stage == Stage.RETIRED.value, RETIRED),
        (and_(version.c.stage == Stage.REGISTERED.value, silent), STANDS_BY),
        else_="",
    )
    rows = connection.execute(
        select(version.c.id, model.c.project, model.c.name, version.c.name, newest, model.c.window, unwatched)
        .join(model, model.c.id == version.c.model_id)
        .order_by(version.c.id)
    )
    return [
        MeasuredVersion(id_, project, model_, version_, window_start, WindowLength(length).delta, why)
        for id_, project, model_, version_, window_start, length, why in rows
        if window_start is not None
    ]


def newest_findings(connection: Connection, version_id: int, since: datetime) -> list[Finding]:
    """The newest judged window of each check, subject and segment, among the windows from `since` on; one query."""
    rows = connection.execute(_newest(version_id, since))
    return [_finding(row) for row in rows]


def _newest(version_id: int, since: datetime) -> Select[Any]:
    m = measurement.c
    series = [m.check, m.subject, m.segment]
    recent = (
        select(
            *measurement.c,
            func.max(case((m.outcome == Outcome.OK.value, m.window_start))).over(partition_by=series).label("last_ok"),
            func.row_number().over(partition_by=series, order_by=m.window_start.desc()).label("position"),
        )
        .where(m.version_id == version_id, m.outcome.in_(_JUDGED), m.window_start >= since)
        .subquery()
    )
    r = recent.c
    in_run = and_(r.outcome == Outcome.BREACH.value, or_(r.last_ok.is_(None), r.window_start > r.last_ok))
    run_start = func.min(case((in_run, r.window_start))).over(partition_by=[r.check, r.subject, r.segment])
    with_run = select(*recent.c, run_start.label("since")).subquery()
    return select(*with_run.c).where(with_run.c.position == 1).order_by(with_run.c.check, with_run.c.subject)


def _finding(row: Row[Any]) -> Finding:
    values = row._mapping
    return Finding(
        check=values["check"],
        subject=values["subject"],
        segment=values["segment"],
        outcome=Outcome(values["outcome"]),
        window=Window(values["window_start"], values["window_end"]),
        value=values["value"],
        limit=values["limit"],
        statistic=values["statistic"],
        reason=values["reason"],
        expected_rate=values["expected_rate"],
        since=values["since"],
        normal=values["normal"],
    )


def measured_in(connection: Connection, version_id: int, window_start: datetime) -> set[Series]:
    """All that was looked at in that window, judged or not."""
    m = measurement.c
    query = select(m.check, m.subject, m.segment).where(m.version_id == version_id, m.window_start == window_start)
    return {(check, subject, segment) for check, subject, segment in connection.execute(query)}


def stored_alerts(connection: Connection, version_id: int) -> dict[str, StoredAlert]:
    """The version's alerts, firing or resolved, by fingerprint."""
    rows = connection.execute(select(alert).where(alert.c.version_id == version_id))
    return {
        row.fingerprint: StoredAlert(
            row.id,
            (row.check, row.subject, row.segment),
            AlertState(State(row.state), row.judged_window, row.since),
            row.value,
            row.limit,
            row.reason,
        )
        for row in rows
    }


def firing_counts(connection: Connection, version_id: int) -> dict[str, int]:
    """How many alerts of the version fire, by check."""
    firing = (alert.c.version_id == version_id) & (alert.c.state == State.FIRING.value)
    rows = connection.execute(select(alert.c.check, func.count().label("firing")).where(firing).group_by(alert.c.check))
    return {row.check: row.firing for row in rows}


def open_alert(
    connection: Connection, fingerprint: str, version_id: int, finding: Finding, now: datetime
) -> int | None:
    """Store an alert that fires for the first time; its id, or None when somebody else was first."""
    new = {
        "fingerprint": fingerprint,
        "version_id": version_id,
        "check": finding.check,
        "subject": finding.subject,
        "segment": finding.segment,
        "state": State.FIRING.value,
        "changed_at": now,
        **_seen(finding),
        "since": finding.since or finding.window.start,
    }
    dialect_insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = dialect_insert(alert).values(new).on_conflict_do_nothing().returning(alert.c.id)
    identity: int | None = connection.scalar(statement)
    return identity


def change_state(connection: Connection, stored: StoredAlert, new: State, finding: Finding, now: datetime) -> bool:
    """Compare-and-set: True when this call changed the state, False when somebody else did or saw a newer window."""
    since = (finding.since or finding.window.start) if new is State.FIRING else None
    values = {"state": new.value, "changed_at": now, **_seen(finding), "since": since}
    result = connection.execute(update(alert).where(_unchanged(stored, finding)).values(values))
    return result.rowcount == 1


def refresh(connection: Connection, stored: StoredAlert, finding: Finding) -> None:
    """Bring value, limit and reason of an alert up to its newest window; the state stays."""
    connection.execute(update(alert).where(_unchanged(stored, finding)).values(_seen(finding)))


def _unchanged(stored: StoredAlert, finding: Finding) -> Any:
    return and_(
        alert.c.id == stored.id,
        alert.c.state == stored.known.state.value,
        alert.c.judged_window <= finding.window.start,
    )


def _seen(finding: Finding) -> dict[str, Any]:
    return {
        "judged_window": finding.window.start,
        "value": finding.value,
        "limit": finding.limit,
        "reason": finding.reason,
    }


def add_transitions(
    connection: Connection, notification_id: int, transitions: Sequence[Transition], now: datetime
) -> None:
    """Record changes of state beside the notification that tells them."""
    connection.execute(insert(alert_transition), [_transition(notification_id, item, now) for item in transitions])


def _transition(notification_id: int, transition: Transition, now: datetime) -> Mapping[str, Any]:
    return {
        "alert_id": transition.alert_id,
        "notification_id": notification_id,
        "old_state": transition.old.value,
        "new_state": transition.new.value,
        "reason": transition.reason,
        "at": now,
        "window_start": transition.finding.window.start,
        "value": transition.finding.value,
        "limit": transition.finding.limit,
    }
