"""Models and versions: add, find, list."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from app.core.errors import NotFoundError
from app.core.model import Model, Stage, Task, Version, WindowLength
from app.storage.segments import segment_all
from app.storage.tables import model, version


def add_model(connection: Connection, new: Model, now: datetime) -> Model:
    """Store a model and return it with its id. The name must be free in its project."""
    values = {
        "project": new.project,
        "name": new.name,
        "task": new.task.value,
        "window": new.window.value,
        "owner": new.owner,
        "tags": list(new.tags),
        "positive_label": new.positive_label,
        "confident_threshold": new.confident_threshold,
        "label_delay_seconds": int(new.label_delay.total_seconds()),
        "max_drill_age_seconds": int(new.max_drill_age.total_seconds()),
        "max_staleness_seconds": int(new.max_staleness.total_seconds()) if new.max_staleness else None,
        "segment_by": list(new.segment_by),
        "false_alarms_per_month": new.false_alarms_per_month,
        "fire_after": dict(new.fire_after),
        "created_at": now,
    }
    connection.execute(insert(model).values(values))
    return find_model(connection, new.name, new.project)


def list_models(connection: Connection, project: str = "default") -> list[Model]:
    """All models of a project, by name."""
    rows = connection.execute(select(model).where(model.c.project == project).order_by(model.c.name))
    return [_model(row) for row in rows]


def find_model(connection: Connection, name: str, project: str = "default") -> Model:
    """The model of that name. Raises NotFoundError with the names there are."""
    row = connection.execute(select(model).where(model.c.project == project, model.c.name == name)).one_or_none()
    if row is None:
        raise NotFoundError("model", name, [known.name for known in list_models(connection, project)])
    return _model(row)


def model_name(connection: Connection, model_id: int) -> str:
    """The name of the model of that id."""
    name: str = connection.execute(select(model.c.name).where(model.c.id == model_id)).scalar_one()
    return name


def lock_model(connection: Connection, name: str) -> Model:
    """`find_model`, and until the transaction ends nobody else changes the model.

    In SQLite it is the caller's `write` that keeps others away; rows of the model are taken meanwhile in PostgreSQL.
    """
    mine = (model.c.project == "default", model.c.name == name)
    connection.execute(select(model.c.id).where(*mine).with_for_update(key_share=True))
    return find_model(connection, name)


def change_model(connection: Connection, changed: Model) -> None:
    """Record what may change about a model: its owner and tags, its declared delays, its budget and `fire_after`."""
    values = {
        "owner": changed.owner,
        "tags": list(changed.tags),
        "label_delay_seconds": int(changed.label_delay.total_seconds()),
        "max_drill_age_seconds": int(changed.max_drill_age.total_seconds()),
        "max_staleness_seconds": int(changed.max_staleness.total_seconds()) if changed.max_staleness else None,
        "false_alarms_per_month": changed.false_alarms_per_month,
        "fire_after": dict(changed.fire_after),
    }
    connection.execute(update(model).where(model.c.id == changed.id).values(values))


def set_stage(connection: Connection, version_id: int, stage: Stage) -> None:
    """Record where a version stands."""
    connection.execute(update(version).where(version.c.id == version_id).values(stage=stage.value))


def set_segment_by(connection: Connection, model_id: int, attributes: Sequence[str]) -> None:
    """Record by which attributes the model's rows are watched."""
    connection.execute(update(model).where(model.c.id == model_id).values(segment_by=list(attributes)))


def add_version(connection: Connection, new: Version, now: datetime) -> Version:
    """Store a version and return it with its id. The name must be free within the model."""
    values = {
        "model_id": new.model_id,
        "name": new.name,
        "stage": new.stage.value,
        "decision_threshold": new.decision_threshold,
        "newest_training_row": new.newest_training_row,
        "deployed_at": new.deployed_at,
        "framework": new.framework,
        "format": new.format,
        "runtime": new.runtime,
        "hardware": new.hardware,
        "inference_mode": new.inference_mode,
        "deployment_target": new.deployment_target,
        "dependencies": dict(new.dependencies),
        "training_set": new.training_set,
        "created_at": now,
    }
    key = connection.execute(insert(version).values(values)).inserted_primary_key
    assert key is not None
    segment_all(connection, key[0])
    return find_version(connection, new.model_id, new.name)


def list_versions(connection: Connection, model_id: int | None = None) -> list[Version]:
    """All versions of a model (or of all models), oldest first."""
    query = select(version).order_by(version.c.id)
    if model_id is not None:
        query = query.where(version.c.model_id == model_id)
    return [_version(row) for row in connection.execute(query)]


def version_names(connection: Connection, version_ids: Collection[int]) -> dict[int, tuple[str, str]]:
    """The names of the model and version of each of the versions that are there."""
    query = (
        select(version.c.id, model.c.name, version.c.name)
        .join(model, model.c.id == version.c.model_id)
        .where(version.c.id.in_(version_ids))
    )
    return {id_: (model_name, name) for id_, model_name, name in connection.execute(query)}


def find_version(connection: Connection, model_id: int, name: str) -> Version:
    """The model's version of that name. Raises NotFoundError with the names there are."""
    query = select(version).where(version.c.model_id == model_id, version.c.name == name)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFoundError("version", name, [known.name for known in list_versions(connection, model_id)])
    return _version(row)


def set_newest_training_row(connection: Connection, version_id: int, time: datetime) -> None:
    """Record how fresh the version's training data is."""
    connection.execute(update(version).where(version.c.id == version_id).values(newest_training_row=time))


def _model(found: Row[Any]) -> Model:
    row = found._mapping  # the column "window" is no Python name of a row
    staleness = row["max_staleness_seconds"]
    return Model(
        name=row["name"],
        task=Task(row["task"]),
        window=WindowLength(row["window"]),
        owner=row["owner"],
        tags=tuple(row["tags"]),
        positive_label=row["positive_label"],
        confident_threshold=row["confident_threshold"],
        label_delay=timedelta(seconds=row["label_delay_seconds"]),
        max_drill_age=timedelta(seconds=row["max_drill_age_seconds"]),
        max_staleness=None if staleness is None else timedelta(seconds=staleness),
        segment_by=tuple(row["segment_by"]),
        false_alarms_per_month=row["false_alarms_per_month"],
        fire_after=row["fire_after"],
        project=row["project"],
        id=row["id"],
    )


def _version(row: Row[Any]) -> Version:
    values = dict(row._mapping)
    for name in ("rebuild_position", "segmented", "daily_since", "daily_until", "daily_segments"):
        del values[name]
    return Version(**{**values, "stage": Stage(row.stage)})
