"""Alerts: what the checks found last, the state of each alert, its changes, and the messages about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    ScalarSelect,
    Select,
    and_,
    case,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from app.core.alerting import OPEN, AlertState, Decision, Finding, State
from app.core.model import Outcome, Stage, Window, WindowLength
from app.core.severity import Severity
from app.storage.tables import alert, alert_transition, measurement, model, profile, version

Series: TypeAlias = tuple[str, str, str]
"""What is followed through the windows of a version: check, subject and segment."""

RETIRED = "the version is retired"
STANDS_BY = "the version is not live, and gets no requests"

_JUDGED = (Outcome.OK.value, Outcome.BREACH.value)


@dataclass(frozen=True, slots=True)
class MeasuredVersion:
    """A version that has measurements, and the start of its newest measured window.

    `late`: how late its labels may come. `fire_after` as in `Model`.
    """

    version_id: int
    project: str
    model: str
    version: str
    newest_window: datetime
    window: timedelta
    unwatched: str = ""  # why nothing about it is worth an alert: it is retired, or stands by without requests
    late: timedelta = timedelta(0)
    fire_after: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredAlert:
    """The state of one alert and the row that holds it."""

    id: int
    series: Series
    known: AlertState
    value: float | None
    limit: float | None
    reason: str
    no_data_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of an alert, to be written down."""

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
    m, v = model.c, version.c
    rows = connection.execute(
        select(v.id, m.project, m.name, v.name, newest, m.window, unwatched, m.label_delay_seconds, m.fire_after)
        .join(model, m.id == v.model_id)
        .order_by(v.id)
    )
    return [
        MeasuredVersion(
            id_,
            project,
            model_,
            version_,
            window_start,
            WindowLength(length).delta,
            why,
            timedelta(seconds=label_delay),
            fire_after,
        )
        for id_, project, model_, version_, window_start, length, why, label_delay, fire_after in rows
        if window_start is not None
    ]


def newest_findings(connection: Connection, version_id: int, since: datetime) -> list[Finding]:
    """The newest judged window of each check, subject and segment, among the windows from `since` on; one query."""
    rows = connection.execute(_newest(version_id, since))
    return [_finding(row) for row in rows]


def _newest(version_id: int, since: datetime) -> Select[Any]:
    m = measurement.c
    ok = case((m.outcome == Outcome.OK.value, m.window_start))
    series = (
        select(m.check, m.subject, m.segment, func.max(m.window_start).label("newest"), func.max(ok).label("last_ok"))
        .where(m.version_id == version_id, m.outcome.in_(_JUDGED), m.window_start >= since)
        .group_by(m.check, m.subject, m.segment)
        .subquery()
    )
    s = series.c
    same = and_(m.version_id == version_id, m.check == s.check, m.subject == s.subject, m.segment == s.segment)
    in_breach = case((m.outcome == Outcome.BREACH.value, _run_start(version_id, since, s)))
    return (
        select(*m, in_breach.label("since"))
        # An inner join would find the same rows, but SQLite then walks through all that was ever measured.
        .select_from(series.outerjoin(measurement, and_(same, m.window_start == s.newest)))
        .order_by(m.check, m.subject, m.segment)
    )


def _run_start(version_id: int, since: datetime, series: ReadOnlyColumnCollection[str, Any]) -> ScalarSelect[datetime]:
    """The start of the first breach after the series' last healthy window."""
    run = measurement.alias().c
    return (
        select(func.min(run.window_start))
        .where(
            run.version_id == version_id,
            run.check == series.check,
            run.subject == series.subject,
            run.segment == series.segment,
            run.outcome == Outcome.BREACH.value,
            run.window_start >= since,
            or_(series.last_ok.is_(None), run.window_start > series.last_ok),
        )
        .scalar_subquery()
    )


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


def stored_alerts(connection: Connection, version_id: int | None) -> dict[str, StoredAlert]:
    """The alerts of the version, or of Watchkeeper itself (None), by fingerprint."""
    rows = connection.execute(select(alert).where(alert.c.version_id.is_not_distinct_from(version_id)))
    return {
        row.fingerprint: StoredAlert(
            row.id,
            (row.check, row.subject, row.segment),
            AlertState(State(row.state), row.judged_window, row.since, Severity(row.severity), row.closed_window),
            row.value,
            row.limit,
            row.reason,
            row.no_data_at,
        )
        for row in rows
    }


def is_open() -> ColumnElement[bool]:
    """Whether the alert of a row fires, in somebody's hand or not."""
    return alert.c.state.in_([state.value for state in OPEN])


def begins_to_fire() -> ColumnElement[bool]:
    """Whether the change of a row is an alert's beginning; later it may become worse, or be given back."""
    before = [State.RESOLVED.value, State.PENDING.value]
    return (alert_transition.c.new_state == State.FIRING.value) & alert_transition.c.old_state.in_(before)


def lock_version(connection: Connection, version_id: int) -> None:
    """Let others wait who change or tell alerts of the version, so that no two of them wait for each other."""
    connection.execute(select(version.c.id).where(version.c.id == version_id).with_for_update(key_share=True))


@dataclass(frozen=True, slots=True)
class NewAlert:
    """An alert that is in breach for the first time."""

    fingerprint: str
    finding: Finding
    decision: Decision


def open_alerts(
    connection: Connection, version_id: int | None, new: Sequence[NewAlert], now: datetime
) -> dict[str, int]:
    """Store alerts; the ids, by fingerprint, of those that nobody else had stored before."""
    if not new:
        return {}
    rows = [
        {
            "fingerprint": one.fingerprint,
            "version_id": version_id,
            "check": one.finding.check,
            "subject": one.finding.subject,
            "segment": one.finding.segment,
            **_changed(one.decision, now),
            **_seen(one.finding),
            "since": one.finding.since or one.finding.window.start,
        }
        for one in new
    ]
    dialect_insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = dialect_insert(alert).on_conflict_do_nothing().returning(alert.c.fingerprint, alert.c.id)
    return {row.fingerprint: row.id for row in connection.execute(statement, rows)}


def change_state(connection: Connection, stored: StoredAlert, new: Decision, finding: Finding, now: datetime) -> bool:
    """Compare-and-set: True when this call changed the alert, False when somebody else did or saw a newer window.

    What is over keeps since when it lasted, so that its end can be told.
    """
    values = {**_changed(new, now), **_seen(finding)}
    if new.state is not State.RESOLVED:
        values |= {"since": finding.since or finding.window.start}
        values |= {"resolved_by": "", "resolved_comment": "", "closed_window": None}
    if new.state is not State.ACKNOWLEDGED:
        values |= {"acknowledged_by": "", "acknowledged_at": None, "acknowledged_comment": ""}
    result = connection.execute(update(alert).where(_unchanged(stored, finding)).values(values))
    return result.rowcount == 1


def refresh(connection: Connection, stored: StoredAlert, finding: Finding) -> None:
    """Bring value, limit and reason of an alert up to its newest window; the state stays."""
    newer = alert.c.judged_window < finding.window.start
    values = _seen(finding) | {"no_data_at": case((newer, None), else_=alert.c.no_data_at)}
    connection.execute(update(alert).where(_unchanged(stored, finding)).values(values))


def mark_without_data(connection: Connection, stored: StoredAlert, now: datetime) -> bool:
    """Write down that nobody can say any more how the alert is; False when somebody has, or it was judged since."""
    same = _unchanged_state(stored) & alert.c.no_data_at.is_(None)
    seen = alert.c.judged_window == stored.known.judged_window
    return connection.execute(update(alert).where(same, seen).values(no_data_at=now)).rowcount == 1


def _unchanged(stored: StoredAlert, finding: Finding) -> Any:
    return and_(_unchanged_state(stored), alert.c.judged_window <= finding.window.start)


def _unchanged_state(stored: StoredAlert) -> Any:
    known = stored.known
    return and_(alert.c.id == stored.id, alert.c.state == known.state.value, alert.c.severity == known.severity.value)


def _changed(new: Decision, now: datetime) -> dict[str, Any]:
    return {"state": new.state.value, "severity": new.severity.value, "changed_at": now}


def _seen(finding: Finding) -> dict[str, Any]:
    return {
        "judged_window": finding.window.start,
        "value": finding.value,
        "limit": finding.limit,
        "reason": finding.reason,
        "no_data_at": None,
    }


def add_transitions(connection: Connection, transitions: Sequence[Transition], now: datetime) -> None:
    """Record changes; they are told afterwards."""
    if transitions:
        connection.execute(insert(alert_transition), [_transition(item, now) for item in transitions])


def _transition(transition: Transition, now: datetime) -> Mapping[str, Any]:
    return {
        "alert_id": transition.alert_id,
        "old_state": transition.old.value,
        "new_state": transition.new.value,
        "reason": transition.reason,
        "at": now,
        "window_start": transition.finding.window.start,
        "value": transition.finding.value,
        "limit": transition.finding.limit,
    }
