"""What the routes of one collector share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from app.api.metrics import Metrics
from app.api.waiting import Waiting
from app.services import ingest
from app.services.commit import Committer
from app.services.ingest import Targets
from app.services.key_uses import KeyUses
from app.services.keys import Scope, scopes
from app.services.live import live_states
from app.services.refusals import Refusals
from app.services.self_watch import Work, read_work
from app.services.snapshot import Snapshot
from app.settings import Settings
from app.storage.engine import open_engine, read

WORK_SECONDS = 15.0


def wall_clock() -> datetime:
    """The present, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Context:
    """The database, what is held in memory of it, and the clock that says when something was asked for."""

    settings: Settings
    engine: Engine
    metrics: Metrics
    targets: Snapshot[Targets]
    keys: Snapshot[dict[str, Scope]]
    committer: Committer
    refusals: Refusals
    key_uses: KeyUses
    waiting: Waiting
    clock: Callable[[], datetime]

    @classmethod
    def open(cls, settings: Settings, clock: Callable[[], datetime] = wall_clock) -> Context:
        """Everything made, nothing started: no connection is opened yet."""
        engine = open_engine(settings)
        metrics = Metrics()
        committer = Committer(
            engine,
            capacity=settings.queue_records,
            capacity_bytes=settings.queue_mb << 20,
            committed=metrics.committed,
            clock=clock,
        )
        metrics.queue_depth.set_function(lambda: committer.waiting)
        metrics.queue_bytes.set_function(lambda: committer.waiting_bytes)
        metrics.watch_work(_work_of(engine, settings, clock))
        waiting = Waiting(partial(live_states, engine))
        metrics.waiting.set_function(lambda: waiting.number)
        targets, keys, refusals = ingest.known_targets(engine), scopes(engine), Refusals(engine)
        return cls(settings, engine, metrics, targets, keys, committer, refusals, KeyUses(engine), waiting, clock)

    def models_changed(self) -> None:
        """Forget what is known of models and versions, and answer those who wait for a change of what is live."""
        self.targets.forget()
        self.waiting.changed()


def _work_of(engine: Engine, settings: Settings, clock: Callable[[], datetime]) -> Callable[[], Work | None]:
    """How the work goes on, asked of the database every WORK_SECONDS at most, whoever scrapes how often."""

    def ask() -> Work | None:
        try:
            with read(engine) as connection:
                return read_work(connection, settings, clock())
        except SQLAlchemyError:
            return None

    held = Snapshot(ask, max_age=WORK_SECONDS, pause=WORK_SECONDS)
    return lambda: held.fresh() or held.reload()


def context_of(request: Request) -> Context:
    """The context of the application that serves the request."""
    context: Context = request.app.state.context
    return context


Shared = Annotated[Context, Depends(context_of)]
"""The context, as a parameter of a route."""
