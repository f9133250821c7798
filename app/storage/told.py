"""What people know of alerts: what there may be to tell, and that it has been told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, func, or_, select, update

from app.core.alerting import Finding, State
from app.core.messages import Kind
from app.core.model import Outcome, Window, WindowLength
from app.core.notifying import Known, Standing
from app.core.severity import Severity
from app.core.silences import Identity
from app.storage.tables import alert, alert_transition, measurement, model, version


@dataclass(frozen=True, slots=True)
class TellingAlert:
    """An alert that people know of, or may have to be told of.

    Of most of them there is nothing to tell in a round: what a message says is taken from the row when it is asked for.
    """

    standing: Standing
    identity: Identity
    version_id: int | None
    _row: Row[Any]

    @property
    def finding(self) -> Finding:
        """The newest finding."""
        return _finding(self._row)

    @property
    def acknowledgement(self) -> str:
        """Who has it in hand and why, in words; "": nobody has."""
        by, comment = self._row.acknowledged_by, self._row.acknowledged_comment
        return ": ".join(part for part in (f"acknowledged by {by}", comment) if part) if by else ""

    @property
    def resolution(self) -> str:
        """Who has resolved it by hand and why, in words; "": nobody."""
        by, comment = self._row.resolved_by, self._row.resolved_comment
        return f"resolved by {by}: {comment}" if by else ""


def telling_alerts(
    connection: Connection, version_id: int | None = None, *, itself: bool = False, lock: bool = False
) -> list[TellingAlert]:
    """All alerts that fire or that people believe to fire; with `version_id` its own, with `itself` Watchkeeper's."""
    query = _telling()
    if itself:
        query = query.where(alert.c.version_id.is_(None))
    elif version_id is not None:
        query = query.where(alert.c.version_id == version_id)
    if lock:
        query = query.with_for_update(of=alert)
    return [_alert(row) for row in connection.execute(query)]


def _telling() -> Select[Any]:
    a, m = alert.c, measurement.c
    same = and_(
        m.version_id == a.version_id,
        m.check == a.check,
        m.subject == a.subject,
        m.segment == a.segment,
        m.window_start == a.judged_window,
    )
    found = [m.window_end, m.outcome, m.statistic, m.expected_rate, m.normal]
    names = [model.c.project, model.c.name.label("model"), model.c.window, version.c.name.label("version")]
    joined = alert.outerjoin(version, version.c.id == a.version_id).outerjoin(model, model.c.id == version.c.model_id)
    return (
        select(alert, *names, *found)
        .select_from(joined.outerjoin(measurement, same))
        .where(or_(a.state == State.FIRING.value, a.told_state.is_not(None)))
        .order_by(a.id)
    )


def _alert(row: Row[Any]) -> TellingAlert:
    identity = Identity(row.project or "", row.model or "", row.version or "", row.check, row.subject, row.segment)
    standing = Standing(
        row.id,
        State(row.state),
        Severity(row.severity),
        _known(row),
        row.told_at,
        row.no_data_at,
        holder=row.acknowledged_by,
    )
    return TellingAlert(standing, identity, row.version_id, row)


def _known(row: Row[Any]) -> Known | None:
    if row.told_state is None:
        return None
    return Known(State(row.told_state), Severity(row.told_severity), row.heard_at, row.alarmed_at, row.escalated_at)


def _finding(row: Row[Any]) -> Finding:
    """The finding that the alert rests on; without a verdict where its subject is not measured any more."""
    length = WindowLength(row.window).delta if row.window else timedelta(0)
    return Finding(
        check=row.check,
        subject=row.subject,
        segment=row.segment,
        outcome=_outcome(row),
        window=Window(row.judged_window, row.window_end or row.judged_window + length),
        value=row.value,
        limit=row.limit,
        statistic=row.statistic or "",
        reason=row.reason,
        expected_rate=row.expected_rate,
        since=row.since,
        normal=row.normal,
        declared=Severity(row.severity),
    )


def _outcome(row: Row[Any]) -> Outcome:
    """What the window says, unless the alert is over in spite of it: then nobody watches any more, or somebody has
    resolved it, which leaves a breach.
    """
    measured = Outcome(row.outcome) if row.outcome else Outcome.BREACH
    if row.resolved_by:
        return measured
    if row.state != State.RESOLVED.value or measured is not Outcome.BREACH:
        return measured
    return Outcome.NOT_EVALUATED if row.version_id is not None else Outcome.OK


def mark_told(
    connection: Connection, what: Kind, alert_ids: Sequence[int], notification_id: int, now: datetime
) -> None:
    """People know now how these alerts are; their newest changes were told by this notification.

    The caller holds the rows, so that the state that is written is the one that was told.
    """
    values: dict[str, Any] = {"told_at": now, "notification_id": notification_id, **_knowledge(what, now)}
    connection.execute(update(alert).where(alert.c.id.in_(alert_ids)).values(values))
    newest = (
        select(func.max(alert_transition.c.id))
        .where(alert_transition.c.alert_id.in_(alert_ids))
        .group_by(alert_transition.c.alert_id)
    )
    untold = alert_transition.c.notification_id.is_(None)
    told = update(alert_transition).where(alert_transition.c.id.in_(newest), untold)
    connection.execute(told.values(notification_id=notification_id))


def _knowledge(what: Kind, now: datetime) -> dict[str, Any]:
    present = {"told_state": alert.c.state, "told_severity": alert.c.severity}
    match what:
        case Kind.FIRING | Kind.NEWS:
            heard = func.coalesce(alert.c.heard_at, now)
            return {**present, "heard_at": heard, "alarmed_at": now, "escalated_at": None}
        case Kind.ESCALATED:
            return {"escalated_at": now}
        case Kind.ACKNOWLEDGED:
            return present
        case Kind.RESOLVED:
            nothing = ("told_state", "told_severity", "heard_at", "alarmed_at", "escalated_at")
            return dict.fromkeys(nothing)
        case _:
            return {}


def mark_mentioned(connection: Connection, alert_ids: Sequence[int], now: datetime) -> None:
    """These alerts were counted in a message about others of their group."""
    connection.execute(update(alert).where(alert.c.id.in_(alert_ids)).values(told_at=now))
