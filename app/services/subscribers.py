"""Who is told of changes of what is live: targets of a model, by signed webhooks from the outbox."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine

from app.core.authors import signed
from app.core.deployments import Change
from app.core.errors import NotFoundError
from app.core.model import Version
from app.core.webhooks import envelope
from app.services.live import LiveState
from app.storage import live_subscribers, outbox
from app.storage.catalogue import find_model
from app.storage.engine import read, write
from app.storage.live_subscribers import Subscriber
from app.storage.outbox import NewAction
from app.storage.targets import find_target

LIVE_CHANGED = "model.live_changed"
ROLLBACK_DRILL = "model.rollback_drill"


def subscribe(engine: Engine, now: datetime, model: str, target: str, author: str = "") -> None:
    """Tell the target of every change of what is live. Again changes nothing. Raises NotFoundError for a name,
    InvalidError for the author.
    """
    author = signed(author, needed=False)
    with write(engine) as connection:
        model_id = find_model(connection, model).id
        live_subscribers.add(connection, model_id, find_target(connection, target).id, author, now)


def unsubscribe(engine: Engine, model: str, target: str) -> None:
    """Tell the target no more. Raises NotFoundError for a name, or where it was not told."""
    with write(engine) as connection:
        model_id = find_model(connection, model).id
        if not live_subscribers.remove(connection, model_id, find_target(connection, target).id):
            known = [one.target for one in live_subscribers.of_model(connection, model_id)]
            raise NotFoundError("subscriber", target, known, "add one with `watchkeeper live subscribe`")


def list_subscribers(engine: Engine, model: str) -> list[Subscriber]:
    """The targets that are told, and how the newest telling stands. Raises NotFoundError for the model."""
    with read(engine) as connection:
        return live_subscribers.of_model(connection, find_model(connection, model).id)


def tell_change(connection: Connection, state: LiveState, moved: Version, change: Change) -> None:
    """Put the change into the outbox of every subscriber: it is stored with the change, or not at all."""
    data = {
        "model": state.model,
        "version": state.version,
        "versions": state.versions,
        "since": state.since,
        "change": state.change,
        "kind": change.kind.value,
        "author": change.author,
        "reason": change.reason,
    }
    tell_subscribers(connection, moved, LIVE_CHANGED, data, change.at)


def tell_subscribers(connection: Connection, about: Version, type_: str, data: Mapping[str, Any], at: datetime) -> None:
    """One signed webhook to each of the model's subscribers, in the caller's transaction."""
    payload = envelope(type_, at, data)
    for subscriber in live_subscribers.of_model(connection, about.model_id):
        new = NewAction(
            kind=type_.rpartition(".")[2],
            target_id=subscriber.target_id,
            model_id=about.model_id,
            version_id=about.id,
            webhook_id=f"msg_{uuid.uuid4().hex}",
            payload=payload,
            reason=str(data.get("reason", "")),
        )
        outbox.add_action(connection, new, at)
