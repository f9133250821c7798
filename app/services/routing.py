"""Routes: add, list, change, move and remove the rules, say which one takes a message, and who hears of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, select

from app.core.authors import signed
from app.core.errors import ConflictError, InvalidError, NotFoundError
from app.core.label_delay import duration
from app.core.routing import Facts, Route, RouteMatch, Routing, differences, routed
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
        facts = self.facts(model, check, severity, segments, alert=alert)
        return routed(facts, self.routes, list(self.channels), digests=self.digests)

    def facts(
        self, model: str, check: str, severity: Severity, segments: Iterable[str] = ("",), *, alert: bool = True
    ) -> Facts:
        """What the rules are asked about."""
        owner = self.owners.get(model, "")
        return Facts(PROJECT, model, check, severity, owner, tuple(dict.fromkeys(segments)) or ("",), alert)

    def ids_on(self, names: Iterable[str]) -> list[int]:
        """The ids of those of the channels that are there and on."""
        return [self.channels[name] for name in names if name in self.channels]

    def ids(self, *names: Sequence[str]) -> list[int]:
        """The ids of these channels, each once."""
        return [self.channels[name] for name in dict.fromkeys(name for some in names for name in some)]


def add_route(engine: Engine, now: datetime, new: Route, *, author: str, position: int | None = None) -> dict[str, Any]:
    """Add a rule, as the last one or at that position, the first being 1. Raises InvalidError that names the field,
    NotFoundError for a channel.
    """
    author = signed(author)
    with write(engine) as connection:
        check_route(connection, new)
        routes.lock_routes(connection)
        present = len(routes.list_routes(connection))
        where = present + 1 if position is None else check_position(position, present + 1)
        identity = routes.add_route(connection, new, where, author, now)
        return next(row for row in _rows(connection) if row["id"] == identity)


def set_route(
    engine: Engine,
    now: datetime,
    identity: int,
    new: Route,
    *,
    author: str,
    position: int | None = None,
    seen: Route | None = None,
) -> dict[str, Any]:
    """Let a rule be this one, where it stands or at that position; `author` is who changed it.

    `seen` is the rule that the caller decided on; None: whatever stands now. Raises NotFoundError for a rule or a
    channel, InvalidError that names the field, ConflictError where somebody was quicker.
    """
    author = signed(author)
    with write(engine) as connection:
        stands = routes.lock_route(connection, identity)
        known = known_routes(connection, identity)
        if seen is not None and stands is not None:
            _refuse_unseen(connection, seen, stands)
        check_route(connection, new)
        routes.set_route(connection, identity, new, author, now)
        if position is not None:
            routes.move_route(connection, identity, check_position(position, len(known)))
        return next(row for row in _rows(connection) if row["id"] == identity)


def _refuse_unseen(connection: Connection, seen: Route, stands: Route) -> None:
    if changed := differences(seen, stands):
        author, at = routes.authors(connection)[stands.id]
        by = f"by {author} at {at:%Y-%m-%d %H:%M:%S} UTC"
        raise ConflictError(f"route {stands.id} was changed meanwhile, {by}: {'; '.join(changed)}. Look again")


def find_route(engine: Engine, identity: int) -> Route:
    """A rule by its id. Raises NotFoundError."""
    with read(engine) as connection:
        known_routes(connection, identity)
        return next(one for one in routes.list_routes(connection) if one.id == identity)


def list_routes(engine: Engine) -> list[dict[str, Any]]:
    """The rules in order: position, id, what each takes, where it goes and how, who said so last; `missing` are
    channels that it names and that are not there any more, `off` those that are off.
    """
    with read(engine) as connection:
        return _rows(connection)


def move_route(engine: Engine, identity: int, position: int) -> None:
    """Let the rule stand at that position. Raises NotFoundError, InvalidError."""
    with write(engine) as connection:
        known = known_routes(connection, identity)
        routes.move_route(connection, identity, check_position(position, len(known)))


def remove_route(engine: Engine, identity: int, *, seen: Route | None = None) -> None:
    """Remove a rule. `seen` as for `set_route`. Raises NotFoundError, ConflictError."""
    with write(engine) as connection:
        stands = routes.lock_route(connection, identity)
        known_routes(connection, identity)
        if seen is not None and stands is not None:
            _refuse_unseen(connection, seen, stands)
        routes.remove_route(connection, identity)


def explain(
    engine: Engine, model: str, check: str, severity: Severity, segment: str = "", *, digests: bool
) -> dict[str, Any]:
    """Which rules take a message about that, and which channels hear of it, how and when; `passed_over` are the rules
    that fit and take nothing, since none of their channels is there and on.
    """
    with read(engine) as connection:
        book = RouteBook.read(connection, digests=digests)
    found, facts = book.routing(model, check, severity, [segment]), book.facts(model, check, severity, [segment])
    by_id = {route.id: route for route in book.routes}
    return {
        **asdict(found),
        "words": in_words(found),
        "why": [f"route {identity}: {by_id[identity].match.words}" for identity in found.routes]
        or ["no route takes it: every channel that is on hears of it"],
        "passed_over": [one.id for one in book.routes if one.match.takes(facts) and not book.ids_on(one.channels)],
    }


def in_words(found: Routing) -> str:
    """Where it goes, e.g. `ops, again every 8 h, after 15 min to pager, too`."""
    said = [
        ", ".join(found.at_once),
        f"in the digest: {', '.join(found.in_digest)}" if found.in_digest else "",
        f"again every {duration(found.repeat)}" if found.repeat else "",
        f"after {duration(found.escalate_after)} to {', '.join(found.escalate_to) or 'the same'}, too"
        if found.escalate_after
        else "",
    ]
    return ", ".join(part for part in said if part) if found.at_once or found.in_digest else "nobody"


def check_route(connection: Connection, new: Route) -> None:
    """Raise InvalidError that names the field of a rule that cannot be, NotFoundError for a channel."""
    _check_fields(new)
    kinds = {name: channels.find_channel(connection, name).kind for name in (*new.channels, *new.escalate_to)}
    if new.digest and not all(takes_digests(kinds[name]) for name in new.channels):
        raise InvalidError("digest", True, f"{', '.join(new.channels)}: incidents are opened there, no digest is read")


def _check_fields(new: Route) -> None:
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


def check_position(position: int, most: int) -> int:
    """The position. Raises InvalidError for one that no rule can have."""
    if not 1 <= position <= most:
        raise InvalidError("position", position, f"allowed is 1 to {most}")
    return position


def known_routes(connection: Connection, identity: int) -> list[int]:
    """The ids of all rules. Raises NotFoundError unless `identity` is one."""
    known = [route.id for route in routes.list_routes(connection)]
    if identity not in known:
        raise NotFoundError("route", str(identity), [str(one) for one in known])
    return known


def as_route(row: Mapping[str, Any]) -> Route:
    """The rule of a row of `list_routes`."""
    names = RouteMatch.__dataclass_fields__
    return Route(
        RouteMatch(**{name: row[name] for name in names}),
        tuple(row["channels"]),
        digest=row["digest"],
        go_on=row["continue"],
        repeat=row["repeat"],
        escalate_after=row["escalate_after"],
        escalate_to=tuple(row["escalate_to"]),
        id=row["id"],
    )


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
