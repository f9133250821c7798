"""Which version of a model is live, as serving processes ask for it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import Connection, Engine

from app.storage import deployments, drills
from app.storage.catalogue import find_model
from app.storage.engine import read


@dataclass(frozen=True, slots=True)
class RunningDrill:
    """A drill that the serving side is to take part in: what it has to do is at `/v1/drills/{id}`."""

    id: int
    version: str


@dataclass(frozen=True, slots=True)
class LiveState:
    """What a serving process needs to know: `version` is the one to load, None where none is live.

    `versions` are all that are live, where several are on purpose; `version` became so last. `change` grows with every
    change of what is live. `drill` runs now, if there is one.
    """

    model: str
    version: str | None
    versions: tuple[str, ...]
    since: datetime | None
    change: int
    drill: RunningDrill | None = None

    @property
    def body(self) -> bytes:
        """The state as JSON."""
        return msgspec.json.encode(self)

    @property
    def etag(self) -> str:
        """A strong validator (RFC 9110, 8.8.3): the same for the same body, another for any other."""
        return f'"{hashlib.sha256(self.body).hexdigest()[:20]}"'


def live_state(engine: Engine, model: str) -> LiveState:
    """The model's state now. Raises NotFoundError without the model."""
    with read(engine) as connection:
        find_model(connection, model)
        return states(connection, [model])[model]


def live_states(engine: Engine, models: Collection[str]) -> dict[str, LiveState]:
    """The states of these models; one that is not there is left out. The number of queries does not grow with them."""
    with read(engine) as connection:
        return states(connection, models)


def states(connection: Connection, models: Collection[str]) -> dict[str, LiveState]:
    """The same, in the caller's transaction."""
    changes = deployments.last_live_changes(connection, models)
    live = deployments.live_versions(connection, models)
    tried = {name: RunningDrill(one.id, one.version) for name, one in drills.running(connection, models).items()}
    return {name: _state(name, live.get(name, {}), change, tried.get(name)) for name, change in changes.items()}


def _state(model: str, live: Mapping[str, datetime | None], change: int, drill: RunningDrill | None) -> LiveState:
    names = tuple(live)
    return LiveState(model, names[0] if names else None, names, live[names[0]] if names else None, change, drill)
