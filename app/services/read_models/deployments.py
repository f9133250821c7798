"""Which versions stood where: for timelines, and for who asks what happened."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from app.storage.catalogue import find_model
from app.storage.deployments import ModelDeployment, deployments_between
from app.storage.engine import read


def deployments(
    engine: Engine, *, model: str | None = None, since: datetime | None = None, until: datetime | None = None
) -> list[dict[str, Any]]:
    """Changes of stages in [since, until), oldest first. Raises NotFoundError for an unknown model."""
    with read(engine) as connection:
        model_id = None if model is None else find_model(connection, model).id
        return [_row(one) for one in deployments_between(connection, model_id, since, until)]


def _row(one: ModelDeployment) -> dict[str, Any]:
    found, change = one.deployment, one.deployment.change
    return {
        "at": change.at,
        "model": one.model,
        "version": found.version,
        "from_stage": found.from_stage,
        "to_stage": found.to_stage,
        "kind": change.kind,
        "author": change.author,
        "reason": change.reason,
        "id": found.id,
    }
