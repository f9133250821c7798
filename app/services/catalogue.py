"""Registering models and versions: checked values in, the stored ones out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from app.core.authors import signed
from app.core.budget import MOST_PER_MONTH
from app.core.deployments import Change, Kind
from app.core.errors import ConflictError, InvalidError, NotFoundError
from app.core.model import Model, Stage, Task, Version
from app.core.records import class_name
from app.core.segments import LONGEST_ATTRIBUTE, MOST_ATTRIBUTES
from app.services.checks import all_checks
from app.services.stages import move
from app.storage import catalogue, segments
from app.storage.engine import read, write
from app.storage.rebuilds import rebuilding, request_rebuild
from app.storage.training_sets import find_manifest

NAME_LENGTH = 200
MOST_DEPENDENCIES = 5_000
MOST_WINDOWS_TO_FIRE = 100
LONGEST = timedelta(days=36_500)
MOST_TAGS, LONGEST_TAG = 20, 50
_PATH_CHARACTERS = '/?#%"\\'  # names stand in paths and URLs


def register_model(engine: Engine, new: Model, now: datetime) -> Model:
    """Store a model, or find it stored with the same values.

    Raises InvalidError for a value that is not allowed, ConflictError where a model of that name says otherwise.
    """
    check_model(new)
    new = _as_stored(new)
    try:
        with write(engine) as connection:
            stored = _stored_model(connection, new) or catalogue.add_model(connection, new, now)
    except IntegrityError:  # another process registered it between our look and our insert
        with read(engine) as connection:
            stored = catalogue.find_model(connection, new.name, new.project)
    _agree(f"model {new.name!r}", stored, replace(new, id=stored.id))
    return stored


def register_version(
    engine: Engine,
    model_name: str,
    new: Version,
    now: datetime,
    *,
    stage_open: bool = False,
    first_is_live: bool = True,
    author: str = "",
) -> Version:
    """Store a version of a model (`new.model_id` does not matter), or find it stored with the same values.

    `stage_open`: nobody said where it stands. The first version of a model is live then (`first_is_live`), a later one
    only registered: to be trained is not to be deployed. One that is registered as live takes the place of the one that
    was. Raises NotFoundError without the model, InvalidError for a value that is not allowed, ConflictError where a
    version of that name says otherwise.
    """
    _check_version(new)
    author = signed(author, needed=False)
    try:
        with write(engine) as connection:
            model = catalogue.lock_model(connection, model_name)
            new = _trained(connection, replace(new, model_id=model.id))
            if stage_open:
                is_live = first_is_live and not catalogue.list_versions(connection, model.id)
                new = replace(new, stage=Stage.LIVE if is_live else Stage.REGISTERED)
            stored = _stored_version(connection, new) or _first_stored(connection, new, now, author)
    except IntegrityError:
        with read(engine) as connection:
            stored = catalogue.find_version(connection, new.model_id, new.name)
    wanted = replace(new, id=stored.id, created_at=stored.created_at, stage=stored.stage if stage_open else new.stage)
    # What was left open at registration may have been learnt from the reference since.
    wanted = wanted if new.newest_training_row else replace(wanted, newest_training_row=stored.newest_training_row)
    _agree(f"version {new.name!r} of model {model_name!r}", stored, wanted)
    return stored


def _trained(connection: Connection, new: Version) -> Version:
    """The version with what its training set says of it. Raises NotFoundError for one that the model does not have."""
    if not new.training_set:
        return new
    manifest = find_manifest(connection, new.training_set, new.model_id)
    return replace(new, newest_training_row=new.newest_training_row or manifest.newest_row)


def _first_stored(connection: Connection, new: Version, now: datetime, author: str) -> Version:
    stored = catalogue.add_version(connection, new, now)
    since = min(new.deployed_at or now, now) if new.stage is Stage.LIVE else now
    move(connection, stored, new.stage, Change(since, author, "", Kind.REGISTERED), first=True)
    return stored


def models_with_versions(engine: Engine) -> list[tuple[Model, list[Version]]]:
    """Every model by name, with its versions, oldest first."""
    with read(engine) as connection:
        versions = catalogue.list_versions(connection)
        models = catalogue.list_models(connection)
    return [(model, [version for version in versions if version.model_id == model.id]) for model in models]


def change_model(engine: Engine, name: str, **changes: Any) -> Model:
    """Change a model's `owner`, `tags`, delays, `false_alarms_per_month` or `fire_after`; returns it as it is then.

    What has been judged stays as it is; windows that are judged from now on, or again, are judged by the new values.
    What somebody else changes at the same time stays changed. Raises NotFoundError without the model, InvalidError for
    a value that is not allowed.
    """
    with write(engine) as connection:
        changed = _as_stored(replace(catalogue.lock_model(connection, name), **changes))
        check_model(changed)
        catalogue.change_model(connection, changed)
    return changed


@dataclass(frozen=True, slots=True)
class Segmented:
    """From which window on a version's rows are counted by segments; `since` None: all of its rows are."""

    version: str
    since: datetime | None


def declare_segments(engine: Engine, model_name: str, attributes: Sequence[str]) -> list[Segmented]:
    """Watch the model's rows by these attributes, in place of those declared before; none: by no segments any more.

    What is counted already stays as it is: each version begins with its next window, and a rebuild counts it from its
    first. Segments by an attribute that is declared no more are forgotten. Raises NotFoundError without the model,
    InvalidError for names that are not allowed.
    """
    check_attributes(attributes)
    with write(engine) as connection:
        model = catalogue.find_model(connection, model_name)
        catalogue.set_segment_by(connection, model.id, attributes)
        unfinished = set(rebuilding(connection))
        found = []
        for version in catalogue.list_versions(connection, model.id):
            since = segments.segment_from_now(connection, version.id, attributes, model.window.delta)
            if version.id in unfinished:  # it is counted anew: so it is from its first window on
                request_rebuild(connection, version.id)
                since = None
            found.append(Segmented(version.name, since))
    return found


def find(engine: Engine, model_name: str, version_name: str) -> tuple[Model, Version]:
    """A model and its version by their names. Raises NotFoundError with the names there are."""
    with read(engine) as connection:
        model = catalogue.find_model(connection, model_name)
        return model, catalogue.find_version(connection, model.id, version_name)


def _as_stored(new: Model) -> Model:
    """The model as the database can hold it: its positive label spelled as predictions spell it, times in seconds."""
    return replace(
        new,
        tags=tuple(sorted(set(new.tags))),
        positive_label=class_name(new.positive_label) or "",
        label_delay=timedelta(seconds=int(new.label_delay.total_seconds())),
        max_drill_age=timedelta(seconds=int(new.max_drill_age.total_seconds())),
        max_staleness=None if new.max_staleness is None else timedelta(seconds=int(new.max_staleness.total_seconds())),
    )


def _stored_model(connection: Connection, new: Model) -> Model | None:
    try:
        return catalogue.find_model(connection, new.name, new.project)
    except NotFoundError:
        return None


def _stored_version(connection: Connection, new: Version) -> Version | None:
    try:
        return catalogue.find_version(connection, new.model_id, new.name)
    except NotFoundError:
        return None


def _agree(kind: str, stored: Model | Version, wanted: Model | Version) -> None:
    """Raise ConflictError with every field in which what is stored differs from what is wanted."""
    pairs = ((field.name, getattr(stored, field.name), getattr(wanted, field.name)) for field in fields(stored))
    differences = [f"{name} is {_text(old)}, not {_text(new)}" for name, old, new in pairs if old != new]
    if differences:
        raise ConflictError(f"{kind} exists already: its {'; its '.join(differences)}")


def _text(value: object) -> str:
    if isinstance(value, timedelta):
        return f"{value / timedelta(days=1):g} d"
    return repr(str(value)) if isinstance(value, str | datetime) else repr(value)


def check_model(new: Model) -> None:
    """Raise InvalidError for the first field whose value is not allowed."""
    _check_name("name", new.name)
    _check_texts(owner=new.owner, positive_label=new.positive_label)
    _check_tags(new.tags)
    if not 0 < new.confident_threshold <= 1 and new.task is not Task.REGRESSION:
        raise InvalidError("confident_threshold", new.confident_threshold, "allowed is a probability above 0, up to 1")
    if not math.isfinite(new.confident_threshold):
        raise InvalidError("confident_threshold", new.confident_threshold, "allowed is a finite number")
    if new.task is Task.BINARY and not new.positive_label:
        raise InvalidError("positive_label", new.positive_label, "allowed is the name of the positive class, like 1")
    check_attributes(new.segment_by)
    if not timedelta(0) <= new.label_delay <= LONGEST:
        raise InvalidError("label_delay", str(new.label_delay), f"allowed is from 0 to {LONGEST.days} days")
    if not timedelta(seconds=1) <= new.max_drill_age <= LONGEST:
        raise InvalidError("max_drill_age", str(new.max_drill_age), f"allowed is from a second to {LONGEST.days} days")
    if new.max_staleness is not None and not timedelta(seconds=1) <= new.max_staleness <= LONGEST:
        raise InvalidError("max_staleness", str(new.max_staleness), f"allowed is from a second to {LONGEST.days} days")

    if not 0 < new.false_alarms_per_month <= MOST_PER_MONTH:
        allowed = f"allowed is a number above 0, up to {MOST_PER_MONTH:g}"
        raise InvalidError("false_alarms_per_month", new.false_alarms_per_month, allowed)
    _check_fire_after(new.fire_after)


def _check_tags(tags: Sequence[str]) -> None:
    if len(tags) > MOST_TAGS:
        raise InvalidError("tags", len(tags), f"allowed are at most {MOST_TAGS}")
    for tag in tags:
        if not 0 < len(tag) <= LONGEST_TAG or not tag.isprintable() or tag != tag.strip():
            allowed = f"allowed are 1 to {LONGEST_TAG} printable characters without a space at an end"
            raise InvalidError("tags: one of them" if not tag else "tags", tag[:LONGEST_TAG], allowed)


def _check_fire_after(fire_after: Mapping[str, int]) -> None:
    known = ["*", *all_checks()]
    for check, windows in fire_after.items():
        if check not in known:
            raise InvalidError("fire_after", check, f"allowed are the checks and * for all others: {', '.join(known)}")
        if not 1 <= windows <= MOST_WINDOWS_TO_FIRE:
            raise InvalidError(f"fire_after of {check}", windows, f"allowed are 1 to {MOST_WINDOWS_TO_FIRE} windows")


def check_attributes(attributes: Sequence[str]) -> None:
    """Raise InvalidError unless a model may be watched by these attributes."""
    if len(attributes) > MOST_ATTRIBUTES:
        raise InvalidError("segment_by", len(attributes), f"allowed are at most {MOST_ATTRIBUTES} attributes")
    for attribute in attributes:
        if not 0 < len(attribute) <= LONGEST_ATTRIBUTE or not attribute.isprintable() or "=" in attribute:
            allowed = f"allowed are names of 1 to {LONGEST_ATTRIBUTE} printable characters without ="
            raise InvalidError("segment_by", attribute[:LONGEST_ATTRIBUTE], allowed)
    if len(set(attributes)) < len(attributes):
        raise InvalidError("segment_by", ", ".join(attributes), "allowed is each attribute once")


def _check_version(new: Version) -> None:
    _check_name("name", new.name)
    _check_texts(
        framework=new.framework,
        format=new.format,
        runtime=new.runtime,
        hardware=new.hardware,
        inference_mode=new.inference_mode,
        deployment_target=new.deployment_target,
    )
    if not math.isfinite(new.decision_threshold):
        raise InvalidError("decision_threshold", new.decision_threshold, "allowed is a finite number")
    if len(new.dependencies) > MOST_DEPENDENCIES:
        raise InvalidError("dependencies", len(new.dependencies), f"allowed are at most {MOST_DEPENDENCIES} names")
    for name, version in new.dependencies.items():
        _check_texts(**{f"dependencies.{name}": name + version})
    for field in ("newest_training_row", "deployed_at"):
        time = getattr(new, field)
        if time is not None and time.tzinfo is None:
            raise InvalidError(field, str(time), "allowed is a time with a zone, like 2026-01-31T12:00:00Z")


def _check_name(field: str, name: str) -> None:
    bare = name == name.strip() and name.isprintable() and not set(name) & set(_PATH_CHARACTERS)
    if not bare or not 0 < len(name) <= NAME_LENGTH:
        allowed = (
            f"allowed are 1 to {NAME_LENGTH} printable characters, no space at an end and none of {_PATH_CHARACTERS}"
        )
        raise InvalidError(field, name[:NAME_LENGTH], allowed)
    if name in {".", ".."}:
        raise InvalidError(field, name, "a dot stands for a folder in paths")


def _check_texts(**texts: str) -> None:
    for field, text in texts.items():
        if len(text) > NAME_LENGTH or "\0" in text or not text.isprintable():
            raise InvalidError(field, text[:NAME_LENGTH], f"allowed are at most {NAME_LENGTH} printable characters")
