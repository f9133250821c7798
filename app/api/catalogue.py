"""Models and versions over HTTP."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from app.api.context import Shared
from app.core.model import Model, Stage, Task, Version, WindowLength
from app.services import catalogue, deployments
from app.services.keys import Scope

_NINETY_DAYS = 90 * 86_400

router = APIRouter(prefix="/v1/models", tags=["models"])


class ModelBody(BaseModel):
    """A model and the limits its owner declares."""

    model_config = ConfigDict(extra="forbid")

    name: str
    task: Task
    window: WindowLength = WindowLength.DAY
    owner: str = ""
    tags: list[str] = []
    positive_label: str = "1"
    confident_threshold: float = 0.9
    label_delay_seconds: int = 0
    max_staleness_seconds: int | None = None
    max_drill_age_seconds: int = _NINETY_DAYS
    segment_by: list[str] = []
    false_alarms_per_month: float = 1.0
    fire_after: dict[str, int] = {}

    def to_model(self) -> Model:
        values = self.model_dump(
            exclude={"label_delay_seconds", "max_staleness_seconds", "max_drill_age_seconds", "segment_by", "tags"}
        )
        return Model(
            **values,
            label_delay=_seconds(self.label_delay_seconds),
            max_drill_age=_seconds(self.max_drill_age_seconds),
            max_staleness=None if self.max_staleness_seconds is None else _seconds(self.max_staleness_seconds),
            segment_by=tuple(self.segment_by),
            tags=tuple(self.tags),
        )


class VersionBody(BaseModel):
    """One trained artefact of a model and how it is deployed. Without a stage, the first version of a model is live,
    and a later one registered.
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    stage: Stage | None = None
    decision_threshold: float = 0.5
    newest_training_row: AwareDatetime | None = None
    deployed_at: AwareDatetime | None = None
    framework: str = ""
    format: str = ""
    runtime: str = ""
    hardware: str = ""
    inference_mode: str = ""
    deployment_target: str = ""
    dependencies: dict[str, str] = {}
    training_set: str = ""


class StoredVersion(VersionBody):
    """A version as it is registered."""

    stage: Stage
    created_at: AwareDatetime | None

    @classmethod
    def of(cls, version: Version) -> StoredVersion:
        return cls(**{name: value for name, value in asdict(version).items() if name not in {"id", "model_id"}})


class StoredModel(ModelBody):
    """A model as it is registered, with its versions."""

    versions: list[StoredVersion] = []

    @classmethod
    def of(cls, model: Model, versions: list[Version]) -> StoredModel:
        values = asdict(model)
        staleness = values["max_staleness"]
        return cls(
            **{name: values[name] for name in ModelBody.model_fields if name in values},
            label_delay_seconds=int(model.label_delay.total_seconds()),
            max_drill_age_seconds=int(model.max_drill_age.total_seconds()),
            max_staleness_seconds=None if staleness is None else int(staleness.total_seconds()),
            versions=[StoredVersion.of(version) for version in versions],
        )


@router.post("", summary="Register a model")
def register_model(body: ModelBody, context: Shared) -> StoredModel:
    """Registering a model again with the same values changes nothing; with other values it is a conflict (409)."""
    model = catalogue.register_model(context.engine, body.to_model(), context.clock())
    context.models_changed()
    return StoredModel.of(model, [])


class ModelChanges(BaseModel):
    """What may change about a model; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    owner: str = ""
    tags: list[str] = []
    label_delay_seconds: int = 0
    max_staleness_seconds: int | None = None
    max_drill_age_seconds: int = _NINETY_DAYS
    false_alarms_per_month: float = 1.0
    fire_after: dict[str, int] = {}

    def given(self) -> dict[str, Any]:
        values = self.model_dump(exclude_unset=True)
        if "tags" in values:
            values["tags"] = tuple(values["tags"])
        for name in ("label_delay", "max_staleness", "max_drill_age"):
            if f"{name}_seconds" in values:
                seconds = values.pop(f"{name}_seconds")
                values[name] = None if seconds is None else _seconds(seconds)
        return values


@router.patch("/{model}", summary="Change what a model's owner declares")
def change_model(model: str, body: ModelChanges, context: Shared) -> StoredModel:
    """Windows that are judged from now on, or again, are judged by the new values."""
    changed = catalogue.change_model(context.engine, model, **body.given())
    context.models_changed()
    return StoredModel.of(changed, [])


class StageBody(BaseModel):
    """Where a version stands, who says so and why. `beside`: with `live`, the versions that are live stay so."""

    model_config = ConfigDict(extra="forbid")

    stage: Stage
    author: str = ""
    reason: str = ""
    beside: bool = False


@router.patch("/{model}/versions/{version}", summary="Say where a version stands")
def set_stage(model: str, version: str, body: StageBody, context: Shared) -> StoredVersion:
    """A version that becomes live takes the place of the one that was; a retired one is judged no more."""
    said = body.model_dump()
    changed = deployments.set_stage(context.engine, model, version, said.pop("stage"), context.clock(), **said)
    context.models_changed()
    return StoredVersion.of(changed)


class Attributes(BaseModel):
    """The attributes that a model's rows are watched by, at most five."""

    model_config = ConfigDict(extra="forbid")

    segment_by: list[str]


class SegmentedVersion(BaseModel):
    """The start of the first window that is counted by segments; null: all windows are."""

    version: str
    since: AwareDatetime | None


@router.put("/{model}/segment-by", summary="Watch a model by segments")
def declare_segments(model: str, body: Attributes, context: Shared) -> list[SegmentedVersion]:
    """In place of the attributes declared before; an empty list: as a whole only.

    Rows counted already stay as they are until a rebuild.
    """
    found = catalogue.declare_segments(context.engine, model, body.segment_by)
    context.models_changed()
    return [SegmentedVersion(version=one.version, since=one.since) for one in found]


@router.get("", summary="List the models and their versions")
def list_models(context: Shared) -> list[StoredModel]:
    """Models by name; the versions of each, oldest first."""
    return [StoredModel.of(model, versions) for model, versions in catalogue.models_with_versions(context.engine)]


@router.post("/{model}/versions", summary="Register a version of a model")
def register_version(model: str, body: VersionBody, context: Shared, request: Request) -> StoredVersion:
    """Registering a version again with the same values changes nothing; with other values it is a conflict (409).

    A key of scope train lets no version answer requests, not even the first: to train is not to deploy.
    """
    trains = request.state.granted is Scope.TRAIN
    if trains and body.stage is not None and body.stage.answers:
        said = f"stage: a key of scope {Scope.TRAIN} may register no version as {body.stage}; leave it out"
        raise HTTPException(403, said)
    values = body.model_dump() | {"stage": body.stage or Stage.REGISTERED}
    new, stage_open = Version(model_id=0, **values), body.stage is None
    version = catalogue.register_version(
        context.engine, model, new, context.clock(), stage_open=stage_open, first_is_live=not trains
    )
    context.models_changed()
    return StoredVersion.of(version)


def _seconds(seconds: int) -> timedelta:
    # Beyond what timedelta can hold, the nearest length that is refused all the same.
    return timedelta(seconds=max(-1, min(seconds, 10**12)))
