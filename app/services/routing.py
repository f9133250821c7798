"""Routes: add, list, move and remove the rules, say which one takes a message, and who hears of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, select

from app.core.errors import InvalidError, NotFoundError
from app.core.routing import Facts, Route, Routing, routed
from app.core.severity import Severity
from app.services.channels import takes_digests
from app.storage import channels, routes, tables
from app.storage.engine import read, write

PROJECT = "default"
LONGEST_PATTERN = 200
SHORTEST = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class RouteBook:
    """All that decides who hears of what: the rules in order, the ids of the channels, the owners of the models.

    A channel that is off is none of them, so that what only it would hear of goes on to the next rule.
    """

    routes: Sequence[Route]
    channels: Mapping[str, int]
    owners: Mapping[str, str]
    digests: bool = False
    readers: frozenset[str] = frozenset()
    """The channels that take digests."""

    @classmethod
    def read(cls, connection: Connection, *, digests: bool = False) -> RouteBook:
        """As it stands now. `digests`: are any written?"""
        known = [one for one in channels.list_channels(connection) if one.off is None]
        owners = select(tables.model.c.name, tables.model.c.owner).where(tables.model.c.project == PROJECT)
        return cls(
            routes.list_routes(connection),
            {one.name: one.id for one in known},
            {row.name: row.owner for row in connection.execute(owners)},
            digests,
            frozenset(one.name for one in known if takes_digests(one.kind)),
        )

    def routing(
        self, model: str, check: str, severity: Severity, segments: Iterable[str] = ("",), *, alert: bool = True
    ) -> Routing:
        """Where a message about that goes."""
        owner = self.owners.get(model, "")
        facts = Facts(PROJECT, model, check, severity, owner, tuple(dict.fromkeys(segments)) or ("",), alert)
        return routed(facts, self.routes, list(self.channels), digests=self.digests)

    def ids(self, *names: Sequence[str]) -> list[int]:
        """The ids of these channels, each once."""
        return [self.channels[name] for name in dict.fromkeys(name for some in names for name in some)]


def add_route(engine: Engine, now: datetime, new: Route, *, author: str, position: int | None = None) -> dict[str, Any]:
    """Add a rule, as the last one or at that position, the first being 1. Raises InvalidError that names the field,
    NotFoundError for a channel.
    """
    _check(new)
    with write(engine) as connection:
        kinds = {name: channels.find_channel(connection, name).kind for name in (*new.channels, *new.escalate_to)}
        if new.digest and not all(takes_digests(kinds[name]) for name in new.channels):
            raise InvalidError(
                "digest", True, f"{', '.join(new.channels)}: incidents are opened there, no digest is read"
            )
        present = len(routes.list_routes(connection))
        where = present + 1 if position is None else _position(position, present + 1)
        identity = routes.add_route(connection, new, where, author, now)
        return next(row for row in _rows(connection) if row["id"] == identity)


def list_routes(engine: Engine) -> list[dict[str, Any]]:
    """The rules in order: position, id, what each takes, where it goes and how, who added it; `missing` are channels
    that it names and that are not there any more, `off` those that are off.
    """
    with read(engine) as connection:
        return _rows(connection)


def move_route(engine: Engine, identity: int, position: int) -> None:
    """Let the rule stand at that position. Raises NotFoundError, InvalidError."""
    with write(engine) as connection:
        known = _known(connection, identity)
        routes.move_route(connection, identity, _position(position, len(known)))


def remove_route(engine: Engine, identity: int) -> None:
    """Remove a rule. Raises NotFoundError."""
    with write(engine) as connection:
        _known(connection, identity)
        routes.remove_route(connection, identity)


def explain(
    engine: Engine, model: str, check: str, severity: Severity, segment: str = "", *, digests: bool
) -> dict[str, Any]:
    """Which rules take a message about that, and which channels hear of it, how and when."""
    with read(engine) as connection:
        book = RouteBook.read(connection, digests=digests)
    found = book.routing(model, check, severity, [segment])
    by_id = {route.id: route for route in book.routes}
    return {
        **asdict(found),
        "why": [f"route {identity}: {by_id[identity].match.words}" for identity in found.routes]
        or ["no route takes it: every channel that is on hears of it"],
    }


def _check(new: Route) -> None:
    if not new.channels:
        raise InvalidError("channels", [], "allowed is at least one name of a channel")
    for name, text in asdict(new.match).items():
        if text is not None and (len(text) > LONGEST_PATTERN or not text.isprintable()):
            raise InvalidError(name, text[:60], f"allowed are at most {LONGEST_PATTERN} printable characters")
    for name, time in (("repeat", new.repeat), ("escalate_after", new.escalate_after)):
        if time is not None and time < SHORTEST:
            raise InvalidError(name, str(time), "allowed is a minute or longer")
    if new.escalate_to and new.escalate_after is None:
        raise InvalidError("escalate_after", None, "say after how long it is told to the channels of escalate_to")


def _position(position: int, most: int) -> int:
    if not 1 <= position <= most:
        raise InvalidError("position", position, f"allowed is 1 to {most}")
    return position


def _known(connection: Connection, identity: int) -> list[int]:
    known = [route.id for route in routes.list_routes(connection)]
    if identity not in known:
        raise NotFoundError("route", str(identity), [str(one) for one in known])
    return known


def _rows(connection: Connection) -> list[dict[str, Any]]:
    there = {one.name: one.off is None for one in channels.list_channels(connection)}
    by = routes.authors(connection)
    return [
        {
            "position": position,
            "takes": one.match.words,
            **_row(one, there),
            "author": by[one.id][0],
            "created_at": by[one.id][1],
        }
        for position, one in enumerate(routes.list_routes(connection), start=1)
    ]


def _row(one: Route, there: Mapping[str, bool]) -> dict[str, Any]:
    """`there`: the channels, and whether each is on."""
    named = dict.fromkeys((*one.channels, *one.escalate_to))
    return {
        "id": one.id,
        **asdict(one.match),
        "channels": list(one.channels),
        "digest": one.digest,
        "continue": one.go_on,
        "repeat": one.repeat,
        "escalate_after": one.escalate_after,
        "escalate_to": list(one.escalate_to),
        "missing": [name for name in named if name not in there],
        "off": [name for name in named if not there.get(name, True)],
    }
