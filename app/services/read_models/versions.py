"""The versions of a model side by side: where each stands, since when, by whom, and how it differs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from app.core.deployments import Deployment
from app.core.environments import Difference, differences
from app.core.errors import WatchkeeperError
from app.core.model import Stage, Version
from app.services.deployments import Standing, standing
from app.services.read_models.deployments import deployments
from app.storage.engine import read
from app.storage.evaluations import newest_windows
from app.storage.references import reference_rows


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One version. `since`, `author` and `reason` are of its last change; `lacks` says why it could not be live again.

    `differs` is what is other than in the live version, `newest_window` the start of the newest with its predictions:
    that a version answers, and that another one has stopped to, its predictions show. `reference_rows` None: it has no
    reference.
    """

    name: str
    stage: Stage
    since: datetime | None
    author: str
    reason: str
    lacks: str
    differs: tuple[Difference, ...]
    newest_window: datetime | None
    record: Version
    reference_rows: int | None


@dataclass(frozen=True, slots=True)
class ModelVersions:
    """A model's versions, the newest first. `change` is the state that they stand in, `fallback` where back leads to.

    `fallback` None: nowhere, for the reason `why_not`. `history` are the newest changes, the newest first.
    """

    model: str
    change: int
    live: tuple[str, ...]
    fallback: str | None
    why_not: str
    versions: Sequence[VersionRow]
    history: Sequence[dict[str, Any]]


def model_versions(engine: Engine, model: str, *, most: int = 50) -> ModelVersions:
    """The versions of the model. Raises NotFoundError without it."""
    found = standing(engine, model)
    fallback, why_not = None, ""
    try:
        fallback = found.rollback_target()
    except WatchkeeperError as error:
        why_not = str(error)
    last = {one.version: one for one in found.history}
    live = next((one for one in found.versions if found.live and one.name == found.live[0]), None)
    with read(engine) as connection:
        ids = [one.id for one in found.versions]
        newest, references = newest_windows(connection, ids), reference_rows(connection, ids)
    rows = [
        _row(found, one, last.get(one.name), live, newest.get(one.id), references.get(one.id))
        for one in reversed(found.versions)
    ]
    history = deployments(engine, model=model)[::-1][:most]
    return ModelVersions(model, found.change, found.live, fallback, why_not, rows, history)


def version_differences(engine: Engine, model: str, before: str, after: str) -> list[Difference]:
    """What version `after` has other than `before`. Raises NotFoundError for a name."""
    found = standing(engine, model)
    return differences(found.version(before), found.version(after))


def _row(
    found: Standing,
    one: Version,
    last: Deployment | None,
    live: Version | None,
    newest: datetime | None,
    referenced: int | None,
) -> VersionRow:
    change = last.change if last else None
    return VersionRow(
        name=one.name,
        stage=one.stage,
        since=change.at if change else one.created_at,
        author=change.author if change else "",
        reason=change.reason if change else "",
        lacks=found.candidates[one.name].why_not,
        differs=() if live is None or live.id == one.id else tuple(differences(live, one)),
        newest_window=newest,
        record=one,
        reference_rows=referenced,
    )
