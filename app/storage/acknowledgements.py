"""Who has which alert in hand, and who has resolved it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from app.core.alerting import State
from app.storage.alerts import lock_version
from app.storage.tables import alert, alert_transition


@dataclass(frozen=True, slots=True)
class HeldAlert:
    """An alert that somebody wants to change; nobody else can do so meanwhile.

    `version_id` is None where it is about Watchkeeper itself.
    """

    id: int
    version_id: int | None
    state: State
    judged_window: datetime
    value: float | None
    limit: float | None


def lock_alerts(connection: Connection, alert_ids: Sequence[int]) -> list[HeldAlert]:
    """Those of the alerts that there are. Their versions are locked first, as whoever decides and tells alerts does:
    those take the alerts in another order, and the two would wait for each other.
    """
    a = alert.c
    of_a_version = a.id.in_(alert_ids) & a.version_id.is_not(None)
    for version_id in connection.scalars(select(a.version_id).where(of_a_version).distinct().order_by(a.version_id)):
        lock_version(connection, version_id)
    columns = (a.id, a.version_id, a.state, a.judged_window, a.value, a.limit)
    query = select(*columns).where(a.id.in_(alert_ids)).order_by(a.id)
    rows = connection.execute(query.with_for_update(key_share=True))
    return [
        HeldAlert(row.id, row.version_id, State(row.state), row.judged_window, row.value, row.limit) for row in rows
    ]


def group_of(connection: Connection, alert_ids: Sequence[int]) -> list[int]:
    """Ids of the open alerts that are told together with these: of the same check of the same version."""
    mine, other = alert.alias(), alert
    same = (other.c.check == mine.c.check) & other.c.version_id.is_not_distinct_from(mine.c.version_id)
    query = select(other.c.id).join(mine, same).where(mine.c.id.in_(alert_ids))
    open_states = [State.FIRING.value, State.ACKNOWLEDGED.value]
    return list(connection.scalars(query.where(other.c.state.in_(open_states)).distinct().order_by(other.c.id)))


def move(
    connection: Connection, held: HeldAlert, new: State, author: str, comment: str, reason: str, now: datetime
) -> None:
    """Write down who has the alert in hand (`author` "": nobody), and that this changed."""
    holder = {
        "acknowledged_by": author,
        "acknowledged_at": now if author else None,
        "acknowledged_comment": comment if author else "",
    }
    _change(connection, held, new, holder, reason, now)


def close(connection: Connection, held: HeldAlert, author: str, comment: str, reason: str, now: datetime) -> None:
    """Write down that somebody has resolved the alert, and that no window up to the newest one may fire it again."""
    nobody = {"acknowledged_by": "", "acknowledged_at": None, "acknowledged_comment": ""}
    closed = {"resolved_by": author, "resolved_comment": comment, "closed_window": held.judged_window}
    _change(connection, held, State.RESOLVED, nobody | closed | {"no_data_at": None}, reason, now)


def _change(
    connection: Connection, held: HeldAlert, new: State, values: Mapping[str, object], reason: str, now: datetime
) -> None:
    connection.execute(update(alert).where(alert.c.id == held.id).values(state=new.value, changed_at=now, **values))
    change = {
        "alert_id": held.id,
        "old_state": held.state.value,
        "new_state": new.value,
        "reason": reason,
        "at": now,
        "window_start": held.judged_window,
        "value": held.value,
        "limit": held.limit,
    }
    connection.execute(insert(alert_transition).values(change))
