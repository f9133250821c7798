"""What the routes of one collector share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import Engine

from app.api.metrics import Metrics
from app.services import ingest
from app.services.commit import Committer
from app.services.ingest import Targets
from app.services.keys import Scope, scopes
from app.services.refusals import Refusals
from app.services.snapshot import Snapshot
from app.settings import Settings
from app.storage.engine import open_engine


@dataclass(frozen=True, slots=True)
class Context:
    """The database, and what is held in memory of it."""

    settings: Settings
    engine: Engine
    metrics: Metrics
    targets: Snapshot[Targets]
    keys: Snapshot[dict[str, Scope]]
    committer: Committer
    refusals: Refusals

    @classmethod
    def open(cls, settings: Settings) -> Context:
        """Everything made, nothing started: no connection is opened yet."""
        engine = open_engine(settings)
        metrics = Metrics()
        committer = Committer(engine, capacity=settings.queue_records, committed=metrics.committed)
        metrics.queue_depth.set_function(lambda: committer.waiting)
        return cls(settings, engine, metrics, ingest.known_targets(engine), scopes(engine), committer, Refusals(engine))


def context_of(request: Request) -> Context:
    """The context of the application that serves the request."""
    context: Context = request.app.state.context
    return context


Shared = Annotated[Context, Depends(context_of)]
"""The context, as a parameter of a route."""
