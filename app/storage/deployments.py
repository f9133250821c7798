"""Changes of stages, as they were written beside each change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, func, insert, or_, select

from app.core.deployments import Change, Deployment, Kind
from app.core.model import Stage, Version
from app.storage.tables import deployment, model, version

_d = deployment.c
_TOUCHES_LIVE = or_(_d.from_stage == Stage.LIVE.value, _d.to_stage == Stage.LIVE.value)


@dataclass(frozen=True, slots=True)
class ModelDeployment:
    """A change of a stage with the name of its model."""

    model: str
    deployment: Deployment


def record(connection: Connection, moved: Version, from_stage: Stage | None, to_stage: Stage, change: Change) -> None:
    """Write down one change of a version's stage."""
    values = {
        "model_id": moved.model_id,
        "version_id": moved.id,
        "from_stage": None if from_stage is None else from_stage.value,
        "to_stage": to_stage.value,
        "at": change.at,
        "author": change.author,
        "reason": change.reason,
        "kind": change.kind.value,
    }
    connection.execute(insert(deployment).values(values))


def history(connection: Connection, model_id: int) -> list[Deployment]:
    """Every change of the model's versions, in the order in which they were made."""
    rows = connection.execute(_deployments().where(_d.model_id == model_id).order_by(_d.id))
    return [_deployment(row) for row in rows]


def last_live_change(connection: Connection, model_id: int) -> int:
    """The id of the newest change of what is live; 0 where nothing ever was. It grows with every such change."""
    newest = select(func.max(_d.id)).where(_d.model_id == model_id, _TOUCHES_LIVE)
    return connection.scalar(newest) or 0


def last_live_changes(connection: Connection, names: Iterable[str], project: str = "default") -> dict[str, int]:
    """The same for each of these models, by name; a model that is not there is left out."""
    newest = func.max(_d.id).filter(_TOUCHES_LIVE)
    rows = connection.execute(
        select(model.c.name, func.coalesce(newest, 0).label("change"))
        .outerjoin(deployment, _d.model_id == model.c.id)
        .where(model.c.project == project, model.c.name.in_(list(names)))
        .group_by(model.c.name)
    )
    return {row.name: row.change for row in rows}


def live_versions(
    connection: Connection, names: Iterable[str], project: str = "default"
) -> dict[str, dict[str, datetime | None]]:
    """The live versions of each of these models, the one that became so last first, with the time when it did."""
    rows = connection.execute(
        select(model.c.name, version.c.name.label("version"), _d.at)
        .join_from(version, model, model.c.id == version.c.model_id)
        .outerjoin(deployment, (_d.version_id == version.c.id) & (_d.to_stage == Stage.LIVE.value))
        .where(model.c.project == project, model.c.name.in_(list(names)), version.c.stage == Stage.LIVE.value)
        .order_by(func.coalesce(_d.id, 0).desc(), version.c.id.desc())
    )
    found: dict[str, dict[str, datetime | None]] = {}
    for row in rows:
        found.setdefault(row.name, {}).setdefault(row.version, row.at)
    return found


def deployments_between(
    connection: Connection, model_id: int | None, since: datetime | None, until: datetime | None
) -> list[ModelDeployment]:
    """The changes in [since, until) of a model (None: of every model), oldest first."""
    query = _deployments()
    for bound in (
        model_id is not None and _d.model_id == model_id,
        since is not None and _d.at >= since,
        until is not None and _d.at < until,
    ):
        query = query if bound is False else query.where(bound)
    rows = connection.execute(query.order_by(_d.at, _d.id))
    return [ModelDeployment(row.model, _deployment(row)) for row in rows]


def _deployments() -> Select[Any]:
    return (
        select(deployment, version.c.name.label("version"), model.c.name.label("model"))
        .join(version, version.c.id == _d.version_id)
        .join(model, model.c.id == _d.model_id)
    )


def _deployment(row: Row[Any]) -> Deployment:
    return Deployment(
        id=row.id,
        version=row.version,
        from_stage=None if row.from_stage is None else Stage(row.from_stage),
        to_stage=Stage(row.to_stage),
        change=Change(row.at, row.author, row.reason, Kind(row.kind)),
    )
