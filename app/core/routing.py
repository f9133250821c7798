"""Who hears of what: ordered rules, of which the first that fits says where a message goes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import timedelta

from app.core.patterns import fits
from app.core.severity import Severity


@dataclass(frozen=True, slots=True)
class Facts:
    """What a message is about. `segments` are those of its subjects, "" for all rows; `alert`: it is no mere news.

    Of Watchkeeper itself, model and owner are empty.
    """

    project: str
    model: str
    check: str
    severity: Severity
    owner: str = ""
    segments: tuple[str, ...] = ("",)
    alert: bool = True


@dataclass(frozen=True, slots=True)
class RouteMatch:
    """Which messages are meant: those that fit every pattern that is given, and are at least so severe."""

    project: str | None = None
    model: str | None = None
    check: str | None = None
    owner: str | None = None
    segment: str | None = None
    severity: Severity | None = None

    def takes(self, facts: Facts) -> bool:
        """Whether the message is meant; of several segments, one that fits is enough."""
        names = ("project", "model", "check", "owner")
        if not all(fits(getattr(self, name), getattr(facts, name)) for name in names):
            return False
        if self.severity and facts.severity.rank < self.severity.rank:
            return False
        return any(fits(self.segment, segment) for segment in facts.segments)

    @property
    def words(self) -> str:
        """E.g. `model=fraud* severity>=critical`; `everything` where nothing is asked for."""
        given = {spec.name: getattr(self, spec.name) for spec in fields(self)}
        said = (
            f"{name}{'>=' if name == 'severity' else '='}{text}" for name, text in given.items() if text is not None
        )
        return " ".join(said) or "everything"


@dataclass(frozen=True, slots=True)
class Route:
    """One rule: what it takes goes to `channels`, at once or, with `digest`, in their next digest.

    `repeat` and `escalate_after` are None where the usual times hold; `escalate_to` hear of what nobody acknowledges,
    beside the others. `go_on`: the rules behind it are looked at as well.
    """

    match: RouteMatch
    channels: tuple[str, ...]
    digest: bool = False
    go_on: bool = False
    repeat: timedelta | None = None
    escalate_after: timedelta | None = None
    escalate_to: tuple[str, ...] = ()
    id: int = 0


def differences(seen: Route, stands: Route) -> list[str]:
    """What of a rule is not as it was seen, e.g. `channels ops before, now pager`."""
    before, now = _parts(seen), _parts(stands)
    return [
        f"{name} {_word(before[name])} before, now {_word(now[name])}" for name in before if before[name] != now[name]
    ]


def _parts(rule: Route) -> dict[str, object]:
    given = {**asdict(rule.match), **{spec.name: getattr(rule, spec.name) for spec in fields(rule)}}
    return {name: value for name, value in given.items() if name not in ("match", "id")}


def _word(value: object) -> str:
    if value is None or value == ():
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, tuple) else str(value) or "empty"


@dataclass(frozen=True, slots=True)
class Routing:
    """Where a message goes, by name of channel: at once, in the digest, and beside these when it escalates.

    `routes` are the ids of the rules that took it; none did where everybody hears of it.
    """

    at_once: tuple[str, ...]
    in_digest: tuple[str, ...] = ()
    escalate_to: tuple[str, ...] = ()
    repeat: timedelta | None = None
    escalate_after: timedelta | None = None
    routes: tuple[int, ...] = ()


def with_rule(routes: Sequence[Route], identity: int | None, new: Route | None, position: int | None) -> list[Route]:
    """The rules in order, if that of the id `identity` (None: one more) became `new` (None: none).

    It stands at `position`, 1 being the first; None: where it stood, or as the last one.
    """
    others = [one for one in routes if one.id != identity]
    if new is None:
        return others
    stood = next((at for at, one in enumerate(routes) if one.id == identity), len(others))
    others.insert(stood if position is None else position - 1, replace(new, id=identity or 0))
    return others


def routed(facts: Facts, routes: Iterable[Route], channels: Sequence[str], *, digests: bool) -> Routing:
    """Where the message goes. `channels` are those that there are; what no rule takes goes to all of them.

    A rule that names no channel that there is takes nothing, so that no message is lost with a channel. `digests`: are
    any written? Without them, nothing waits for one. Alerts that are no alarm (severity info) wait for the digest.
    """
    caught: list[Route] = []
    for route in routes:
        if route.match.takes(facts) and set(route.channels) & set(channels):
            caught.append(route)
            if not route.go_on:
                break
    calm = digests and facts.alert and facts.severity is Severity.INFO
    waits = {name for route in caught if digests and route.digest for name in route.channels}
    hears = {name for route in caught if not (digests and route.digest) for name in route.channels}
    if not caught:
        hears = set(channels)
    if calm:
        hears, waits = set(), waits | hears
    return Routing(
        at_once=_of(channels, hears),
        in_digest=_of(channels, waits - hears),
        escalate_to=_of(channels, {name for route in caught for name in route.escalate_to}),
        repeat=min((route.repeat for route in caught if route.repeat), default=None),
        escalate_after=min((route.escalate_after for route in caught if route.escalate_after), default=None),
        routes=tuple(route.id for route in caught),
    )


def _of(channels: Sequence[str], wanted: set[str]) -> tuple[str, ...]:
    return tuple(name for name in channels if name in wanted)
