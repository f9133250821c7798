"""Rollback drills: the serving side proves that it can load an earlier version, and how long that takes.

Nothing that is live changes. The serving side hears of a drill as it hears of a rollback, fetches requests that the
version answered when it was live, without the answers, and sends what the loaded version makes of them: that is
compared with what was logged. Who did not load the version does not know its answers.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine

from app.core.authors import signed
from app.core.drills import PROMPT, ROWS, Drill, DrillState, Repeated, differences
from app.core.errors import ConflictError, InvalidError, NotFoundError
from app.services.deployments import Standing, said
from app.services.subscribers import ROLLBACK_DRILL, tell_subscribers
from app.storage import drills
from app.storage.catalogue import find_model, find_version, lock_model
from app.storage.engine import read, write

LONGEST = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Task:
    """What the serving side is to do: load the version and answer these rows."""

    drill: Drill
    rows: Sequence[dict[str, Any]]


def start_drill(
    engine: Engine, model: str, now: datetime, *, to: str | None = None, author: str, timeout: timedelta = PROMPT
) -> Drill:
    """Ask the serving side to load the version that a rollback would lead to, or `to`.

    Raises NotFoundError for a name, InvalidError for author or timeout, ConflictError where there is nothing to go back
    to, the version never answered a request, or a drill runs already.
    """
    if not timedelta(seconds=1) <= timeout <= LONGEST:
        raise InvalidError("timeout", str(timeout), "allowed is from a second to a day")
    author, _ = said(author, "")
    with write(engine) as connection:
        found = Standing.of(connection, lock_model(connection, model))
        close_overdue(connection, now)
        _refuse_second(connection, model)
        tried = found.version(found.rollback_target(to))
        rows = len(drills.logged(connection, tried.id, ROWS, now))
        if not rows:
            why = "nothing is logged that it answered, so that no answer could be compared"
            raise ConflictError(f"model {model!r}: version {tried.name} cannot be tried: {why}")
        drill_id = drills.add_drill(connection, tried, rows, author, now, now + timeout)
        data = {"drill": True, "id": drill_id, "model": model, "version": tried.name, "deadline": now + timeout}
        tell_subscribers(connection, tried, ROLLBACK_DRILL, {**data, "path": f"/v1/drills/{drill_id}"}, now)
        return _found(connection, drill_id)


def _refuse_second(connection: Connection, model: str) -> None:
    running = drills.running(connection, [model]).get(model)
    if running:
        raise ConflictError(f"model {model!r}: drill {running.id} runs until {running.deadline:%Y-%m-%d %H:%M:%S} UTC")


def drill(engine: Engine, drill_id: int, now: datetime) -> Drill:
    """The drill of that number; one whose time is over has failed. Raises NotFoundError."""
    with write(engine) as connection:
        close_overdue(connection, now)
        return _found(connection, drill_id)


def list_drills(engine: Engine, model: str | None = None) -> list[Drill]:
    """The newest drills of a model, or of every model, the newest first. Raises NotFoundError for the model."""
    with read(engine) as connection:
        model_id = None if model is None else find_model(connection, model).id
        return drills.list_drills(connection, model_id)


def take_task(engine: Engine, drill_id: int, now: datetime) -> Task:
    """What the serving side has to do. Raises NotFoundError for the number, ConflictError for a drill that is over."""
    with write(engine) as connection:
        close_overdue(connection, now)
        found = _running(connection, drill_id)
        drills.mark_asked(connection, drill_id, now)
        tried = find_version(connection, find_model(connection, found.model).id, found.version)
        logged = drills.logged(connection, tried.id, found.rows, found.started_at)
    return Task(found, [{"id": one.prediction_id, "features": json.loads(one.features)} for one in logged])


def answer_drill(engine: Engine, drill_id: int, version: str, answers: Sequence[Repeated], now: datetime) -> Drill:
    """Judge what the serving side says that `version` makes of the rows; the drill, which is over then.

    Raises NotFoundError for the number, ConflictError for a drill that was over already.
    """
    with write(engine) as connection:
        close_overdue(connection, now)
        found = _running(connection, drill_id)
        tried = find_version(connection, find_model(connection, found.model).id, found.version)
        logged = drills.logged(connection, tried.id, found.rows, found.started_at)
        why = differences(logged, answers, version, found.version)
        state = DrillState.FAILED if why else DrillState.PASSED
        drills.finish(connection, drill_id, state, why, now, now)
        return _found(connection, drill_id)


def call_off_drill(engine: Engine, drill_id: int, now: datetime, *, author: str, reason: str = "") -> Drill:
    """End a drill that waits for its answers, without a result; the drill. Answers that come later are refused.

    Raises NotFoundError for the number, ConflictError for a drill that is over, InvalidError for author or reason.
    """
    author, reason = said(signed(author), reason)
    with write(engine) as connection:
        close_overdue(connection, now)
        _running(connection, drill_id)
        drills.call_off(connection, drill_id, author, reason, now)
        return _found(connection, drill_id)


def close_overdue(connection: Connection, now: datetime) -> int:
    """End the drills whose time is over as failed; how many."""
    late = drills.overdue(connection, now)
    return sum(drills.finish(connection, one.id, DrillState.FAILED, one.why_late(), now, None) for one in late)


def _running(connection: Connection, drill_id: int) -> Drill:
    found = _found(connection, drill_id, lock=True)
    if found.state is not DrillState.RUNNING:
        raise ConflictError(f"drill {drill_id} is over, {found.ended}")
    return found


def _found(connection: Connection, drill_id: int, *, lock: bool = False) -> Drill:
    found = drills.find_drill(connection, drill_id, lock=lock)
    if found is None:
        known = [str(one.id) for one in drills.list_drills(connection)]
        raise NotFoundError("drill", str(drill_id), known, "run `watchkeeper drill --model MODEL`")
    return found
