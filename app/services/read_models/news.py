"""What is new in the fleet since a time: where alerts began and where they ended, and which versions went live."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, func, or_, select

from app.core.alerting import State
from app.storage import tables
from app.storage.alerts import is_open
from app.storage.deployments import deployments_between
from app.storage.engine import read

_alert, _change = tables.alert.c, tables.alert_transition.c


@dataclass(frozen=True, slots=True)
class WentLive:
    """A version that took over; `back`: by a rollback."""

    model: str
    version: str
    back: bool


@dataclass(frozen=True, slots=True)
class News:
    """Names of models, in order. `began` had no open alert then and have one now, `ended` the other way round."""

    began: tuple[str, ...]
    ended: tuple[str, ...]
    live: tuple[WentLive, ...]


def news(engine: Engine, since: datetime, until: datetime, project: str = "default") -> News:
    """What changed in the project's models in [since, until)."""
    with read(engine) as connection:
        opened = list(_open_then_and_now(connection, since, project))
        live = [
            WentLive(one.model, one.deployment.version, one.deployment.change.kind.goes_back)
            for one in deployments_between(connection, None, since, until)
            if one.deployment.takes_over
        ]
    before = {model for model, then, _ in opened if then}
    now = {model for model, _, now in opened if now}
    last = {one.model: one for one in live}  # of several changes of a model, the one that stands
    return News(tuple(sorted(now - before)), tuple(sorted(before - now)), tuple(last[name] for name in sorted(last)))


def _open_then_and_now(connection: Connection, since: datetime, project: str) -> Iterator[tuple[str, bool, bool]]:
    """Of each alert that is open, or changed since then: its model, and whether it was open then and is now."""
    first = (
        select(_change.alert_id, func.min(_change.id).label("id"))
        .join(tables.alert, _alert.id == _change.alert_id)
        .where(_alert.changed_at >= since, _change.at >= since)
        .group_by(_change.alert_id)
        .subquery()
    )
    query = (
        select(tables.model.c.name, _alert.state, _change.old_state)
        .join_from(tables.alert, tables.version, _alert.version_id == tables.version.c.id)
        .join(tables.model, tables.version.c.model_id == tables.model.c.id)
        .outerjoin(first, first.c.alert_id == _alert.id)
        .outerjoin(tables.alert_transition, _change.id == first.c.id)
        .where(tables.model.c.project == project, or_(is_open(), first.c.id.is_not(None)))
    )
    for name, state, before in connection.execute(query):
        yield name, State(before or state).open, State(state).open
