"""The loop as Watchkeeper recorded it: from the breach that asked for a new version to the end of that breach."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, select

from app.core.alerting import State
from app.core.messages import subject_text
from app.core.model import Outcome
from app.demo.trainer import Retraining
from app.storage import tables
from app.storage.engine import read

_alert, _transition, _measurement = tables.alert.c, tables.alert_transition.c, tables.measurement.c


@dataclass(frozen=True, slots=True)
class Course:
    """What led to a retraining and what came of it; None where it has not come. Times are those of the replay.

    `breach`: start of the window that the alert rests on. `ended`: when it was resolved, and `why`. `within`: start of
    the first window of the new version that the same check judged to be within its limits.
    """

    retraining: Retraining
    about: str
    breach: datetime
    alert: datetime
    ended: datetime | None
    why: str
    live: datetime | None
    within: datetime | None


def course(engine: Engine, retraining: Retraining) -> Course:
    """The course of one retraining."""
    with read(engine) as connection:
        fired = _fired(connection, retraining.request.transition)
        ended = _ended(connection, fired)
        live, within = _recovery(connection, fired, retraining.version)
    return Course(
        retraining=retraining,
        about=f"{fired.check}: {subject_text(fired.subject, fired.segment) or 'all rows'}",
        breach=fired.window_start,
        alert=fired.at,
        ended=ended.at if ended else None,
        why=ended.reason if ended else "",
        live=live,
        within=within,
    )


def _fired(connection: Connection, transition: int) -> Row[Any]:
    query = select(tables.alert_transition, _alert.version_id, _alert.check, _alert.subject, _alert.segment)
    return connection.execute(
        query.join_from(tables.alert_transition, tables.alert).where(_transition.id == transition)
    ).one()


def _ended(connection: Connection, fired: Row[Any]) -> Row[Any] | None:
    later = (_transition.alert_id == fired.alert_id) & (_transition.id > fired.id)
    resolved = later & (_transition.new_state == State.RESOLVED.value)
    return connection.execute(select(tables.alert_transition).where(resolved).order_by(_transition.id)).first()


def _recovery(connection: Connection, fired: Row[Any], version: str) -> tuple[datetime | None, datetime | None]:
    """When the version went live first, and its first window that the check which had fired found in order."""
    model = select(tables.version.c.model_id).where(tables.version.c.id == fired.version_id).scalar_subquery()
    found = tables.version.c
    identity = connection.scalars(select(found.id).where(found.model_id == model, found.name == version)).one()
    deployed = tables.deployment.c
    live = select(deployed.at).where(deployed.version_id == identity, deployed.to_stage == "live").order_by(deployed.id)
    same = (
        *(_measurement.version_id == identity, _measurement.check == fired.check),
        *(_measurement.subject == fired.subject, _measurement.segment == fired.segment),
    )
    within = select(_measurement.window_start).where(*same, _measurement.outcome == Outcome.OK.value)
    return connection.scalar(live), connection.scalar(within.order_by(_measurement.window_start))
