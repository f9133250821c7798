"""Who would hear of the alerts of late, if the routes were changed: nothing is changed by asking."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, or_, select

from app.core.routing import Route, Routing, with_rule
from app.core.severity import Severity, worst
from app.services.routing import RouteBook, check_position, check_route, known_routes
from app.storage import routes, tables
from app.storage.alerts import is_open
from app.storage.engine import read

RECENT = timedelta(days=30)
"""Alerts that changed within so long are looked at, and those that are open."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A change of the routes that is thought of: the route `identity` becomes `new`; None as `identity`: one is added;
    None as `new`: it is removed. It stands at `position`, 1 being the first; None: where it stands, or last.
    """

    identity: int | None
    new: Route | None
    position: int | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """The alerts of one check of one version, told in one message: who hears of them as it is, and who would.

    `segments` are those that they are about, "" for all rows; `fires`: is any open?
    """

    model: str
    version: str
    check: str
    severity: Severity
    segments: tuple[str, ...]
    fires: bool
    now: Routing
    then: Routing

    @property
    def changes(self) -> bool:
        """Whether anybody would hear of it otherwise than now."""
        return replace(self.now, routes=()) != replace(self.then, routes=())


def preview(engine: Engine, now: datetime, draft: Draft, *, digests: bool) -> list[Heard]:
    """Who hears of each check that alerted within RECENT, and who would; what changes comes first, the worst first.

    Raises InvalidError and NotFoundError as making the change does.
    """
    with read(engine) as connection:
        if draft.new is not None:
            check_route(connection, draft.new)
        if draft.identity is not None:
            known_routes(connection, draft.identity)
        rules = routes.list_routes(connection)
        if draft.position is not None:
            check_position(draft.position, len(rules) + (draft.identity is None))
        as_it_is = RouteBook.read(connection, digests=digests)
        planned = with_rule(rules, draft.identity, draft.new, draft.position)
        groups = _groups(connection, now)
    would_be = replace(as_it_is, routes=planned)
    found = [_heard(group, as_it_is, would_be) for group in groups]
    return sorted(found, key=lambda one: (not one.changes, -one.severity.rank, one.model, one.version, one.check))


def _groups(connection: Connection, now: datetime) -> list[list[dict[str, Any]]]:
    """The alerts of late, those that are told together in a group; of each the open ones, where there are any."""
    a = tables.alert.c
    query = (
        select(tables.model.c.name.label("model"), tables.version.c.name.label("version"))
        .add_columns(a.check, a.segment, a.severity, is_open().label("fires"))
        .select_from(tables.alert.outerjoin(tables.version).outerjoin(tables.model))
        .where(or_(is_open(), a.changed_at >= now - RECENT))
        .order_by(a.id)
    )
    together: dict[tuple[str | None, str | None, str], list[dict[str, Any]]] = defaultdict(list)
    for row in connection.execute(query).mappings():
        together[row["model"], row["version"], row["check"]].append(dict(row))
    return [[one for one in rows if one["fires"]] or rows for rows in together.values()]


def _heard(group: Sequence[dict[str, Any]], as_it_is: RouteBook, would_be: RouteBook) -> Heard:
    first, severity = group[0], worst(Severity(one["severity"]) for one in group)
    segments = tuple(dict.fromkeys(one["segment"] for one in group))
    model = first["model"] or ""
    return Heard(
        model,
        first["version"] or "",
        first["check"],
        severity,
        segments,
        bool(first["fires"]),
        as_it_is.routing(model, first["check"], severity, segments),
        would_be.routing(model, first["check"], severity, segments),
    )
