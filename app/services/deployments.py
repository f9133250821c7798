"""Changing who is live: by promotion, by rollback, by stage. One at a time per model; whoever comes second is told."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine

from app.core.authors import signed
from app.core.deployments import Candidate, Change, Deployment, Kind, fallbacks, rollback_target
from app.core.errors import ConflictError, InvalidError, NotFoundError
from app.core.messages import Kind as News
from app.core.messages import Line, Message
from app.core.model import Model, Stage, Version
from app.core.severity import Severity
from app.services.stages import move
from app.services.telling import tell
from app.storage import catalogue, deployments
from app.storage.engine import read, write
from app.storage.references import with_reference

LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Takeover:
    """A change of the live version, made or only planned. `change` identifies the state it was decided on or made."""

    model: str
    version: str
    replaces: tuple[str, ...]
    kind: Kind
    change: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A model's versions and everything that happened to them, as one transaction sees it."""

    model: Model
    versions: Sequence[Version]
    history: Sequence[Deployment]
    candidates: dict[str, Candidate]
    change: int

    @classmethod
    def of(cls, connection: Connection, model: Model) -> Standing:
        """Read it."""
        versions = catalogue.list_versions(connection, model.id)
        referenced = with_reference(connection, [one.id for one in versions])
        candidates = {one.name: Candidate(one.name, one.stage, one.id in referenced) for one in versions}
        change = deployments.last_live_change(connection, model.id)
        return cls(model, versions, deployments.history(connection, model.id), candidates, change)

    @property
    def live(self) -> tuple[str, ...]:
        """The live versions, the one that became so last first."""
        names = [one.name for one in self.versions if one.stage is Stage.LIVE]
        newest = {one.version: one.id for one in self.history if one.takes_over}
        return tuple(sorted(names, key=lambda name: newest.get(name, 0), reverse=True))

    def version(self, name: str) -> Version:
        """The version of that name. Raises NotFoundError with the names there are."""
        for one in self.versions:
            if one.name == name:
                return one
        raise NotFoundError("version", name, [one.name for one in self.versions])

    def rollback_target(self, wanted: str | None = None) -> str:
        """See `app.core.deployments.rollback_target`."""
        return rollback_target(self.model.name, self.history, self.candidates, next(iter(self.live), None), wanted)


def standing(engine: Engine, model: str) -> Standing:
    """Where the model's versions stand now. Raises NotFoundError without the model."""
    with read(engine) as connection:
        return Standing.of(connection, catalogue.find_model(connection, model))


def plan_rollback(engine: Engine, model: str, to: str | None = None) -> Takeover:
    """What `roll_back` would do, with nothing done. Raises as it does."""
    found = standing(engine, model)
    return Takeover(model, found.rollback_target(to), found.live, Kind.ROLLBACK, found.change)


def roll_back(
    engine: Engine,
    model: str,
    now: datetime,
    *,
    to: str | None = None,
    author: str,
    reason: str = "",
    seen: int | None = None,
    kind: Kind = Kind.ROLLBACK,
) -> Takeover:
    """Make an earlier version live again: `to`, else the one that was live before the present one and is ready.

    `seen` is the `change` that the caller decided on; None: whatever stands now. Raises NotFoundError for a name,
    InvalidError for author or reason, ConflictError where there is nothing to go back to or somebody was quicker.
    """
    change = Change(now, *said(author, reason), kind)
    seen = standing(engine, model).change if seen is None else seen
    with write(engine) as connection:
        found = _locked(connection, model, seen)
        return _take_over(connection, found, found.rollback_target(to), change)


def make_live(
    engine: Engine,
    model: str,
    version: str,
    now: datetime,
    *,
    author: str,
    reason: str = "",
    seen: int | None = None,
    beside: bool = False,
) -> Takeover:
    """Promote a version: it takes the place of those that were live, or stands `beside` them.

    Raises as `roll_back`; a retired version has to be registered again first.
    """
    change = Change(now, *said(author, reason), Kind.DEPLOY)
    seen = standing(engine, model).change if seen is None else seen
    with write(engine) as connection:
        found = _locked(connection, model, seen)
        if found.version(version).stage is Stage.RETIRED:
            mend = f"`watchkeeper version stage {model} {version} registered` lets it come back"
            raise ConflictError(f"model {model!r}: version {version} is retired; {mend}")
        return _take_over(connection, found, version, change, beside=beside)


def go_to(engine: Engine, model: str, version: str, now: datetime, *, author: str, reason: str, seen: int) -> Takeover:
    """Make the version live: a rollback where it was live before the present one, else a promotion. Raises as both."""
    found = standing(engine, model)
    if version in fallbacks(found.history, next(iter(found.live), None)):
        return roll_back(engine, model, now, to=version, author=author, reason=reason, seen=seen)
    return make_live(engine, model, version, now, author=author, reason=reason, seen=seen)


def set_stage(
    engine: Engine,
    model: str,
    version: str,
    stage: Stage,
    now: datetime,
    *,
    author: str = "",
    reason: str = "",
    beside: bool = False,
) -> Version:
    """Say where a version stands; a retired one is judged no more, a live one takes the place of those that were.

    Raises NotFoundError on an unknown name, InvalidError for author or reason.
    """
    kind = {Stage.LIVE: Kind.DEPLOY, Stage.RETIRED: Kind.RETIRE}.get(stage, Kind.STAGE)
    change = Change(now, *said(author, reason), kind)
    with write(engine) as connection:
        found = catalogue.find_version(connection, catalogue.lock_model(connection, model).id, version)
        return move(connection, found, stage, change, beside=beside)


def _locked(connection: Connection, model: str, seen: int) -> Standing:
    """Where the versions stand, with everybody else kept away; ConflictError unless it is what the caller saw."""
    found = Standing.of(connection, catalogue.lock_model(connection, model))
    if found.change != seen:
        last = next(one for one in reversed(found.history) if one.touches_live)
        said = f"{last.version} became {last.to_stage} at {last.change.at:%Y-%m-%d %H:%M:%S} UTC"
        by = f" by {last.change.author}" if last.change.author else ""
        raise ConflictError(f"model {model!r}: what is live changed meanwhile: version {said}{by}; look again")
    return found


def _take_over(
    connection: Connection, found: Standing, version: str, change: Change, *, beside: bool = False
) -> Takeover:
    replaces = () if beside else tuple(name for name in found.live if name != version)
    move(connection, found.version(version), Stage.LIVE, change, beside=beside)
    if change.kind.goes_back:
        tell(connection, _news(found.model.name, version, replaces, change), version_id=found.version(version).id)
    made = deployments.last_live_change(connection, found.model.id)
    return Takeover(found.model.name, version, replaces, change.kind, made)


def _news(model: str, version: str, replaces: Sequence[str], change: Change) -> Message:
    """What people are told of a rollback."""
    back_from = f" from {', '.join(replaces)}" if replaces else ""
    automatic = change.kind is Kind.AUTOMATIC
    words = f"by {change.author}" + (f": {change.reason}" if change.reason else "")
    return Message(
        id=uuid.uuid4().hex,
        thread=uuid.uuid4().hex,
        kind=News.NEWS,
        severity=Severity.WARNING if automatic else Severity.INFO,
        title=f"{model}: {'went' if automatic else 'was taken'} back{back_from} to version {version}",
        model=model,
        version=version,
        check="",
        at=change.at,
        since=None,
        window=None,
        lines=(Line("", "", None, None, "", words),),
        advice=f"Look into version {', '.join(replaces)} before it is deployed again." if replaces else "",
    )


def said(author: str, reason: str) -> tuple[str, str]:
    """Author and reason, fit to be written down. Raises InvalidError for what is too long, or no single line."""
    if len(reason) > LONGEST_REASON or not reason.isprintable():
        allowed = f"allowed are at most {LONGEST_REASON} printable characters"
        raise InvalidError("reason", reason[:LONGEST_REASON], allowed)
    return signed(author, needed=False), reason.strip()
