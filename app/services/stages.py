"""The one place where a version's stage changes: what is written down about it, and whose place it takes."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from app.core.deployments import Change, Kind
from app.core.model import Stage, Version
from app.services.live import states
from app.services.subscribers import tell_change
from app.storage import catalogue, deployments


def move(
    connection: Connection,
    version: Version,
    stage: Stage,
    change: Change,
    *,
    beside: bool = False,
    first: bool = False,
) -> Version:
    """Let a version stand at `stage`, and write that down; the caller holds the model's lock.

    A version that becomes live takes the place of those that were, which stay registered, to be gone back to.
    `beside`: they stay live too. `first`: it has just been stored. Where nothing changes, nothing is written. The
    subscribers' news of what is live are stored in the same transaction.
    """
    before = deployments.last_live_change(connection, version.model_id)
    if stage is Stage.LIVE and not beside:
        _supersede(connection, version, change)
    if first or version.stage is not stage:
        catalogue.set_stage(connection, version.id, stage)
        deployments.record(connection, version, None if first else version.stage, stage, change)
    if deployments.last_live_change(connection, version.model_id) != before:
        _tell(connection, version, change)
    return replace(version, stage=stage)


def _tell(connection: Connection, moved: Version, change: Change) -> None:
    [state] = states(connection, [catalogue.model_name(connection, moved.model_id)]).values()
    tell_change(connection, state, moved, change)


def _supersede(connection: Connection, taking_over: Version, change: Change) -> None:
    reason = f"version {taking_over.name} took its place"
    superseded = replace(change, reason=reason, kind=Kind.SUPERSEDED)
    for other in catalogue.list_versions(connection, taking_over.model_id):
        if other.stage is Stage.LIVE and other.id != taking_over.id:
            catalogue.set_stage(connection, other.id, Stage.REGISTERED)
            deployments.record(connection, other, Stage.LIVE, Stage.REGISTERED, superseded)
