"""Channels: add, list, change and remove the ways in which people are told."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Mapping
from dataclasses import MISSING, dataclass, replace
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

import app.channels
from app.core.authors import signed
from app.core.delivery import Off, Traits
from app.core.errors import ConflictError, InvalidError, NotFoundError
from app.core.ports import Channel
from app.core.registry import plugins
from app.services.secrets import check_reference
from app.storage import channels, outbox
from app.storage.channels import StoredChannel
from app.storage.engine import read, write
from app.storage.outbox import Backlog

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,99}")
LONGEST_REASON = 500
_HIDDEN = "(not shown)"
DASHBOARD_PREFIX = "env:WATCHKEEPER_CHANNEL_"
"""The secrets that the dashboard may name begin so: whoever sees it could have any other sent to an address of his."""
_LEADS_NOWHERE = {"channel", "recipients", "sender", "team", "username"}
"""Fields that have no say in which server a secret is sent to; every other one is taken to have it."""


@dataclass(frozen=True, slots=True)
class ChannelStatus:
    """A channel and how its deliveries stand. `config` holds references instead of secrets; `off` is None while it is
    on.
    """

    name: str
    kind: str
    config: Mapping[str, Any]
    backlog: Backlog
    off: Off | None = None


def kinds() -> dict[str, type[Channel]]:
    """Every kind of channel there is, by name."""
    return plugins(app.channels)


def traits_of(kind: str) -> Traits:
    """What the service behind that kind of channel asks of those who send to it; of a kind that is no more, nothing."""
    known = kinds()
    return known[kind].traits if kind in known else Traits()


def takes_digests(kind: str) -> bool:
    """Whether a channel of that kind is one to read in; what keeps incidents open has no use for a digest."""
    plugin = kinds().get(kind)
    return plugin is not None and not plugin.traits.keeps_open


def configure(kind: str, config: Mapping[str, Any]) -> Channel:
    """A channel of that kind with these values; texts are read as the numbers they stand for.

    Raises NotFoundError for an unknown kind, InvalidError that names the field for a wrong, unknown or missing one.
    """
    known = kinds()
    if kind not in known:
        raise NotFoundError("kind of channel", kind, sorted(known))
    plugin: Any = known[kind]
    _check_fields(kind, dataclasses.fields(plugin), config)
    try:
        channel: Channel = msgspec.convert(dict(config), plugin, strict=False)
    except msgspec.ValidationError as error:
        wording, _, path = str(error).partition(" - at `$.")
        name = path.rstrip("`")
        raise InvalidError(name or kind, config.get(name, dict(config)), wording) from None
    return channel


def _check_fields(kind: str, fields: tuple[dataclasses.Field[Any], ...], config: Mapping[str, Any]) -> None:
    names = [field.name for field in fields]
    for name in config:
        if name not in names:
            raise InvalidError(name, _HIDDEN, f"the fields of {kind} are {', '.join(names)}")
    for field in fields:
        if field.name not in config and field.default is MISSING:
            raise InvalidError(field.name, None, f"{kind} needs the {field.metadata['help']}")
        if field.metadata.get("secret") and config.get(field.name):
            check_reference(field.name, str(config[field.name]))


def _check_from_dashboard(kind: str, values: Mapping[str, Any], held: Mapping[str, Any]) -> None:
    """Raise InvalidError for a secret that the dashboard may not name.

    One that the field holds already may stay while nothing changes that says where it is sent.
    """
    plugin: Any = kinds()[kind]
    changed = {name for name, value in values.items() if name not in held or held[name] != value} - _LEADS_NOWHERE
    for field in dataclasses.fields(plugin):
        reference = str(values[field.name] or "")
        free = not field.metadata.get("secret") or not reference or reference.startswith(DASHBOARD_PREFIX)
        if free or not changed:
            continue
        allowed = (
            f"from the dashboard a secret begins with {DASHBOARD_PREFIX}, or stays as it is with nothing else changed "
            "that says where it is sent; `watchkeeper channel` takes any"
        )
        raise InvalidError(field.name, reference, allowed)


def add_channel(
    engine: Engine,
    now: datetime,
    name: str,
    kind: str,
    config: Mapping[str, Any],
    *,
    from_dashboard: bool = False,
) -> ChannelStatus:
    """Add a channel; every alert from now on goes to it too. Raises ConflictError when the name is taken.

    `from_dashboard`: only secrets that the dashboard may name are allowed.
    """
    if not _NAME.fullmatch(name):
        raise InvalidError("name", name, "1 to 100 letters, digits, blanks, dots, hyphens and underscores")
    channel: Any = configure(kind, config)
    values = dataclasses.asdict(channel)
    if from_dashboard:
        _check_from_dashboard(kind, values, {})
    try:
        with write(engine) as connection:
            channels.add_channel(connection, name, kind, values, now)
    except IntegrityError:
        raise ConflictError(f"there is a channel {name!r} already; `watchkeeper channel set` changes it") from None
    return ChannelStatus(name, kind, values, Backlog())


def set_channel(
    engine: Engine,
    name: str,
    config: Mapping[str, Any],
    unset: Collection[str] = (),
    *,
    from_dashboard: bool = False,
) -> ChannelStatus:
    """Change some fields of a channel, and give those in `unset` their defaults; what waits for it goes the new way.

    `from_dashboard`: only secrets that the dashboard may name are allowed, and those that stay where they are.
    Raises NotFoundError for an unknown channel, InvalidError that names the field for a value that is not allowed.
    """
    with write(engine) as connection:
        stored = channels.find_channel(connection, name, to_change=True)
        changed: Any = configure(stored.kind, {**_without(stored, unset), **config})
        values = dataclasses.asdict(changed)
        if from_dashboard:
            _check_from_dashboard(stored.kind, values, stored.config)
        channels.set_config(connection, stored.id, values)
        return _status(replace(stored, config=values), outbox.backlogs(connection))


def _without(stored: StoredChannel, fields: Collection[str]) -> dict[str, Any]:
    """The configuration without these fields. Raises InvalidError for one that there is not."""
    for field in fields:
        if field not in stored.config:
            raise InvalidError("unset", field, f"the fields of {stored.kind} are {', '.join(stored.config)}")
    return {field: value for field, value in stored.config.items() if field not in fields}


def show_channel(engine: Engine, name: str) -> ChannelStatus:
    """One channel as `list_channels` tells of it. Raises NotFoundError."""
    with read(engine) as connection:
        stored = channels.find_channel(connection, name)
        return _status(stored, outbox.backlogs(connection))


def list_channels(engine: Engine) -> list[ChannelStatus]:
    """All channels by name, each with what waits for it, what was given up, and the newest error."""
    with read(engine) as connection:
        waiting = outbox.backlogs(connection)
        return [_status(stored, waiting) for stored in channels.list_channels(connection)]


def _status(stored: StoredChannel, backlogs: Mapping[int, Backlog]) -> ChannelStatus:
    return ChannelStatus(stored.name, stored.kind, stored.config, backlogs.get(stored.id, Backlog()), off=stored.off)


@dataclass(frozen=True, slots=True)
class Switched:
    """What came of switching a channel: how many messages that waited for it were taken back, and whether nobody is
    told of alerts now, since no channel is on.
    """

    taken_back: int
    nobody_told: bool


def switch_off(engine: Engine, now: datetime, name: str, *, author: str, reason: str = "") -> Switched:
    """Send nothing to a channel until it is on again. What waits for it is taken back, but for the end of what it has
    got: that is sent once it is on, so that no incident stays open there for ever.

    Raises NotFoundError, ConflictError where it is off already, InvalidError for an author or a reason.
    """
    author = signed(author)
    if len(reason) > LONGEST_REASON or not reason.isprintable():
        raise InvalidError("reason", reason[:60], f"allowed are at most {LONGEST_REASON} printable characters")
    with write(engine) as connection:
        stored = channels.find_channel(connection, name, to_change=True)
        if stored.off:
            raise ConflictError(f"channel {name!r} is {stored.off.words} already")
        channels.switch_off(connection, stored.id, Off(now, author, reason.strip()))
        return Switched(outbox.take_back(connection, stored.id), _nobody_told(connection))


def switch_on(engine: Engine, name: str) -> Switched:
    """Send to a channel again. It hears of what is told from now on: what fires still, with its next repetition.

    Raises NotFoundError, ConflictError where it is on already.
    """
    with write(engine) as connection:
        stored = channels.find_channel(connection, name, to_change=True)
        if stored.off is None:
            raise ConflictError(f"channel {name!r} is on already")
        # Whoever was about to tell it something when it was switched off may have put that in the outbox after it.
        taken_back = outbox.take_back(connection, stored.id)
        channels.switch_on(connection, stored.id)
        return Switched(taken_back, nobody_told=False)


def _nobody_told(connection: Connection) -> bool:
    return all(one.off for one in channels.list_channels(connection))


def remove_channel(engine: Engine, name: str) -> None:
    """Remove a channel and what waits for it. Raises NotFoundError."""
    with write(engine) as connection:
        channels.remove_channel(connection, channels.find_channel(connection, name).id)


@dataclass(frozen=True, slots=True)
class Revival:
    """How many messages that had been given up are sent again, and how many a newer one has overtaken meanwhile."""

    pending: int
    overtaken: int

    @property
    def words(self) -> str:
        """Both in a sentence."""
        sent = f"{self.pending} sent again in the worker's next round" if self.pending else "None is sent again"
        if not self.overtaken:
            return f"{sent}."
        return f"{sent}; {self.overtaken} stay given up, overtaken by newer ones about the same."


def retry_dead(engine: Engine, now: datetime, name: str) -> Revival:
    """Let what was given up on a channel be sent again, from the first attempt on.

    Raises NotFoundError, ConflictError while it is off.
    """
    with write(engine) as connection:
        stored = channels.find_channel(connection, name, to_change=True)
        if stored.off:
            raise ConflictError(f"channel {name!r} is {stored.off.words}: switch it on to send again")
        pending = outbox.revive(connection, stored.id, now)
        left = outbox.backlogs(connection).get(stored.id, Backlog())
    return Revival(pending, left.dead)
