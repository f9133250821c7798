"""What is known about going back from the live version, as the check `rollback_ready` asks for it."""

from __future__ import annotations

from sqlalchemy import Connection

from app.core.deployments import fallbacks
from app.core.drills import Recovery, recovery
from app.core.model import Model
from app.services.deployments import Standing
from app.storage import drills

MOST_DRILLS = 1_000


def recovery_of(connection: Connection, model: Model) -> Recovery:
    """The earlier versions of the model, and the drills of the one that a rollback would lead to."""
    found = Standing.of(connection, model)
    earlier = fallbacks(found.history, next(iter(found.live), None))
    candidates = [found.candidates[name] for name in earlier if name in found.candidates]
    return recovery(candidates, drills.list_drills(connection, model.id, MOST_DRILLS))
