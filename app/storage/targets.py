"""Targets as they are configured: a name, a preset and the values of its fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from app.core.errors import NotFoundError
from app.storage.tables import model, retraining_policy, target


@dataclass(frozen=True, slots=True)
class StoredTarget:
    """A configured target. Secrets in `config` are references."""

    id: int
    name: str
    preset: str
    config: Mapping[str, Any]


def add_target(connection: Connection, name: str, preset: str, config: Mapping[str, Any], now: datetime) -> int:
    """Store a target; its id. The name must be free."""
    values = {"name": name, "preset": preset, "config": dict(config), "created_at": now}
    made: int = connection.execute(insert(target).values(values).returning(target.c.id)).scalar_one()
    return made


def configure_target(connection: Connection, target_id: int, config: Mapping[str, Any]) -> None:
    """Give the target other values."""
    connection.execute(update(target).where(target.c.id == target_id).values(config=dict(config)))


def list_targets(connection: Connection) -> list[StoredTarget]:
    """All targets, by name."""
    return [_target(row) for row in connection.execute(select(target).order_by(target.c.name))]


def target_named(connection: Connection, name: str) -> StoredTarget | None:
    """The target of that name, or None."""
    row = connection.execute(select(target).where(target.c.name == name)).one_or_none()
    return None if row is None else _target(row)


def find_target(connection: Connection, name: str) -> StoredTarget:
    """The target of that name. Raises NotFoundError with the names there are."""
    found = target_named(connection, name)
    if found is None:
        known = [other.name for other in list_targets(connection)]
        raise NotFoundError("target", name, known, "add one with `watchkeeper target add`")
    return found


def remove_target(connection: Connection, target_id: int) -> None:
    """Remove a target that no policy names; what waits to be sent to it is given up."""
    connection.execute(delete(target).where(target.c.id == target_id))


def models_using(connection: Connection, target_id: int) -> list[str]:
    """The models whose retraining policy names the target."""
    query = select(model.c.name).join(retraining_policy, retraining_policy.c.model_id == model.c.id)
    return list(connection.scalars(query.where(retraining_policy.c.target_id == target_id).order_by(model.c.name)))


def _target(row: Row[Any]) -> StoredTarget:
    return StoredTarget(row.id, row.name, row.preset, row.config)
