"""Targets: add, list, try out and remove where requests and news for machines go."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from app.core.delivery import Answer
from app.core.errors import ConflictError, InvalidError
from app.core.presets import check_description, preset_of
from app.core.targets import HIDDEN, configured, is_reference
from app.core.webhooks import envelope
from app.outbound import OutboundClient, OutboundError, check_url
from app.services.requests import send
from app.services.secrets import Secrets, check_reference
from app.services.sending import attempt
from app.settings import Settings
from app.storage import targets
from app.storage.engine import read, write
from app.storage.targets import StoredTarget

NAME_LENGTH = 200
TEST = "watchkeeper.test"


@dataclass(frozen=True, slots=True)
class TargetStatus:
    """A target and the models whose policy names it. `config` holds references instead of secrets."""

    name: str
    preset: str
    config: Mapping[str, Any]
    models: tuple[str, ...]


def add_target(engine: Engine, now: datetime, name: str, preset: str, config: Mapping[str, str]) -> None:
    """Add a target. Raises NotFoundError for the preset, InvalidError for a field, ConflictError for a taken name."""
    if not 0 < len(name) <= NAME_LENGTH or not name.isprintable():
        raise InvalidError("name", name, f"1 to {NAME_LENGTH} printable characters")
    values = checked(preset, config)
    try:
        with write(engine) as connection:
            targets.add_target(connection, name, preset, values, now)
    except IntegrityError:
        raise ConflictError(f"there is a target {name!r} already; remove it first to change it") from None


def put_webhook(connection: Connection, now: datetime, name: str, url: str, secret: str) -> int:
    """The id of the signed webhook of that name, made or given these values in the caller's transaction.

    Raises ConflictError when the name belongs to a target of another preset.
    """
    preset = "webhook"
    values = checked(preset, {"url": url, "secret": secret})
    known = targets.target_named(connection, name)
    if known is None:
        return targets.add_target(connection, name, preset, values, now)
    if known.preset != preset:
        raise ConflictError(f"there is a target {name!r} already, a {known.preset}; name it with --target")
    targets.configure_target(connection, known.id, values)
    return known.id


def checked(name: str, config: Mapping[str, str]) -> dict[str, str]:
    """The values of a target of that preset. Raises InvalidError that names the field and repeats no secret."""
    preset = preset_of(name, config)
    values = configured(preset, config)
    check_description(preset, values)
    for one in preset.fields:
        value = values[one.name]
        if value and (one.secret or is_reference(value)):
            check_reference(one.name, value)
        elif one.name == "url" or (one.name == "poll_url" and value and not value.startswith("{")):
            _check_address(one.name, value)
    return values


def _check_address(field: str, value: str) -> None:
    try:
        check_url(value)
    except OutboundError as error:
        raise InvalidError(field, HIDDEN, str(error)) from None


def list_targets(engine: Engine) -> list[TargetStatus]:
    """All targets by name."""
    with read(engine) as connection:
        return [_status(connection, stored) for stored in targets.list_targets(connection)]


def show_target(engine: Engine, name: str) -> TargetStatus:
    """The target of that name. Raises NotFoundError."""
    with read(engine) as connection:
        return _status(connection, targets.find_target(connection, name))


def _status(connection: Connection, stored: StoredTarget) -> TargetStatus:
    return TargetStatus(stored.name, stored.preset, stored.config, tuple(targets.models_using(connection, stored.id)))


def remove_target(engine: Engine, name: str) -> None:
    """Remove a target. Raises NotFoundError, or ConflictError while something sends to it."""
    try:
        with write(engine) as connection:
            found = targets.find_target(connection, name)
            models = targets.models_using(connection, found.id)
            if models:
                raise ConflictError(f"the target {name!r} is named by the policies of {', '.join(models)}")
            targets.remove_target(connection, found.id)
    except IntegrityError:
        raise ConflictError(f"the target {name!r} is in use") from None


def send_test(
    engine: Engine,
    now: datetime,
    settings: Settings,
    name: str,
    *,
    environment: Mapping[str, str],
    may_start: bool = False,
) -> Answer:
    """Send a real request that says it is a test; what the other side said.

    Raises NotFoundError, and ConflictError where a test would start a run and nobody said that it `may_start` one.
    """
    with read(engine) as connection:
        stored = targets.find_target(connection, name)
    if preset_of(stored.preset, stored.config).starts_run and not may_start:
        raise ConflictError(f"a test of {name} starts a real run of whatever it leads to; say --yes to do so")
    network = OutboundClient(allow_private=settings.allow_private_targets)
    secrets = Secrets(environment)
    reason = f"somebody tried the target {name} out; nothing is to be done"
    payload = envelope(TEST, now, {"test": True, "model": "", "version": "", "reason": reason})
    return attempt(lambda: send(stored, f"msg_{uuid.uuid4().hex}", payload, network, secrets), secrets)
