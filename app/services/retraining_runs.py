"""The life of a run, written down: what services report, what people decide, and who hears of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine

from app.core.authors import signed
from app.core.delivery import Answer, Sent
from app.core.errors import ConflictError, InvalidError, NotFoundError
from app.core.retraining_run import (
    FINAL,
    REPORTABLE,
    RunState,
    Step,
    approved,
    delivered,
    given_up,
    rejected,
    reported,
    sent_again,
    withdrawn,
)
from app.services.requests import can_poll
from app.services.run_news import news
from app.services.telling import tell
from app.storage import catalogue, outbox
from app.storage import retraining_runs as runs
from app.storage.engine import read, write
from app.storage.outbox import NewAction, SendState
from app.storage.retraining_runs import NewRun, RunStep, StoredRun

RETRAINING = "retraining"
WORKER = "worker"
POLL_INTERVAL = timedelta(minutes=1)
LONGEST_TEXT = 500


@dataclass(frozen=True, slots=True)
class Report:
    """What a service says of a run. `training_set` is the hash of what the version was trained on."""

    state: str
    version: str = ""
    message: str = ""
    metrics: Mapping[str, float | str] | None = None
    training_set: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The run after something was said or decided, whether that changed anything, and why or why not."""

    run: StoredRun
    changed: bool
    reason: str


def begin(connection: Connection, new: NewRun, by: str, now: datetime, public_url: str) -> None:
    """Store a run, and let its request go unless somebody has to approve it; in the caller's transaction."""
    runs.add_run(connection, new, by, now)
    if new.state is RunState.REQUESTED:
        _let_go(connection, _find(connection, new.webhook_id), now)
    else:
        _tell(connection, _find(connection, new.webhook_id), new.reason, now, public_url)


def report(engine: Engine, now: datetime, webhook_id: str, said: Report, *, by: str, public_url: str = "") -> Outcome:
    """Take down what a service says of a run; a late or repeated report changes nothing.

    Raises NotFoundError for an unknown run, InvalidError for a state that nobody may report, or for a version that is
    not registered or is the one that was to be replaced.
    """
    if said.state not in REPORTABLE:
        raise InvalidError("state", said.state, f"allowed are {', '.join(REPORTABLE)}")
    _check_texts(said)
    with write(engine) as connection:
        run = _find(connection, webhook_id, lock=True)
        step = reported(run.known, RunState(said.state), said.version, said.message[:LONGEST_TEXT])
        if step.changed:
            _check_version(connection, run, said)
            outbox.arrived(connection, webhook_id, now)
        return _move(connection, run, step, by, now, public_url, **_details(run, said, now))


def _details(run: StoredRun, said: Report, now: datetime) -> dict[str, Any]:
    """What a report leaves behind; what it does not say stays as it was."""
    given = {"new_version": said.version, "metrics": said.metrics, "training_set": said.training_set}
    return {name: value for name, value in given.items() if value} | {"accepted_at": run.accepted_at or now}


def _check_texts(said: Report) -> None:
    texts = {"version": said.version, "message": said.message, "training_set": said.training_set}
    metrics = [str(one) for pair in (said.metrics or {}).items() for one in pair]
    for name, text in (*texts.items(), *(("metrics", text) for text in metrics)):
        if "\0" in text:
            raise InvalidError(name, text, "a text must not hold the character NUL")


def _check_version(connection: Connection, run: StoredRun, said: Report) -> None:
    if said.version:
        catalogue.find_version(connection, run.model_id, said.version)
        if said.version == run.version:
            raise InvalidError("version", said.version, "it is the version that was to be retrained; name the new one")


def locked(connection: Connection, webhook_id: str) -> StoredRun:
    """The run, which nobody else changes until the transaction ends; whoever changes its request too locks it first."""
    return _find(connection, webhook_id, lock=True)


def settled(
    connection: Connection, run: StoredRun, sending: SendState, answer: Answer, now: datetime, public_url: str
) -> None:
    """What an attempt to send the request means for its `locked` run; in the transaction that marks the attempt."""
    if sending is SendState.DELIVERED:
        external_id = answer.receipt if isinstance(answer, Sent) else ""
        poll = now + POLL_INTERVAL if run.target and can_poll(run.target, external_id) else None
        # Whatever the pipeline has said of itself meanwhile: so the service can be asked what becomes of it.
        runs.note_taken(connection, run.id, external_id, poll)
        _move(connection, run, delivered(run.known), WORKER, now, public_url, accepted_at=run.accepted_at or now)
    elif sending is SendState.DEAD:
        _move(connection, run, given_up(run.known, getattr(answer, "why", "")), WORKER, now, public_url)


def approve(
    engine: Engine, now: datetime, webhook_id: str, *, author: str, comment: str = "", public_url: str = ""
) -> Outcome:
    """Let a request go that waits for somebody. Raises NotFoundError; ConflictError when its target is gone."""
    author = signed(author)
    with write(engine) as connection:
        run = _find(connection, webhook_id, lock=True)
        if run.state is RunState.WAITING and run.target is None:
            raise ConflictError("its target has been removed; reject it, and ask again")
        outcome = _move(connection, run, approved(run.known, author, comment), author, now, public_url)
        if outcome.changed:
            _let_go(connection, outcome.run, now)
    return outcome


def reject(
    engine: Engine, now: datetime, webhook_id: str, *, author: str, comment: str = "", public_url: str = ""
) -> Outcome:
    """Do not let a request go that waits for somebody. Raises NotFoundError."""
    author = signed(author)
    with write(engine) as connection:
        run = _find(connection, webhook_id, lock=True)
        return _move(connection, run, rejected(run.known, author, comment), author, now, public_url)


def send_again(engine: Engine, now: datetime, webhook_id: str, *, author: str, public_url: str = "") -> Outcome:
    """Send a request once more that could not be delivered, under the same id. Raises NotFoundError, ConflictError."""
    author = signed(author)
    with write(engine) as connection:
        run = _find(connection, webhook_id, lock=True)
        if run.known.undelivered and run.target is None:
            raise ConflictError("its target has been removed, so there is nowhere to send it to")
        other = runs.open_run(connection, run.model_id)
        if run.known.undelivered and other is not None:
            raise ConflictError(f"run {other.webhook_id} of {run.model} is {other.state} meanwhile")
        outcome = _move(connection, run, sent_again(run.known, author), author, now, public_url)
        if outcome.changed:
            outbox.send_again(connection, webhook_id, now)
    return outcome


def withdraw(connection: Connection, model_id: int, why: str, now: datetime, public_url: str = "") -> None:
    """Give up what waits for approval or was not taken yet; in the caller's transaction."""
    for run in runs.list_runs(connection, model_id, [RunState.WAITING, RunState.REQUESTED]):
        _move(connection, run, withdrawn(run.known, why), WORKER, now, public_url)
        outbox.give_up(connection, run.webhook_id, why)


def list_runs(engine: Engine, model: str | None = None, states: Sequence[str] = (), most: int = 100) -> list[StoredRun]:
    """The newest runs, newest first. Raises NotFoundError for the model, InvalidError for a state."""
    for state in states:
        if state not in tuple(RunState):
            raise InvalidError("state", state, f"allowed are {', '.join(RunState)}")
    with read(engine) as connection:
        model_id = None if model is None else catalogue.find_model(connection, model).id
        return runs.list_runs(connection, model_id, states, most)


def show_run(engine: Engine, webhook_id: str) -> tuple[StoredRun, list[RunStep]]:
    """The run of that id and its steps, oldest first. Raises NotFoundError."""
    with read(engine) as connection:
        run = _find(connection, webhook_id)
        return run, runs.steps(connection, run.id)


def as_row(run: StoredRun) -> dict[str, Any]:
    """A run for people and for programs."""
    return {
        "id": run.webhook_id,
        "model": run.model,
        "version": run.version,
        "state": run.state,
        "since": run.changed_at,
        "reason": run.reason,
        "asked_by": run.asked_by or "policy",
        "target": run.target.name if run.target else None,
        "requested_at": run.created_at,
        "sending": run.sending,
        "attempts": run.attempts,
        "error": run.last_error or run.poll_error,
        "run": run.external_id,
        "new_version": run.new_version or None,
        "training_set": run.training_set or None,
        "metrics": run.metrics,
    }


def move(connection: Connection, run: StoredRun, step: Step, now: datetime, public_url: str, **values: Any) -> Outcome:
    """Write a step down that the worker takes, and tell; in the caller's transaction."""
    return _move(connection, run, step, WORKER, now, public_url, **values)


def _move(
    connection: Connection, run: StoredRun, step: Step, by: str, now: datetime, public_url: str, **values: Any
) -> Outcome:
    if not step.changed:
        return Outcome(run, False, step.reason)
    if not runs.change_state(connection, run, step, by, now, **values):
        return Outcome(_find(connection, run.webhook_id), False, "somebody else has been quicker")
    changed = _find(connection, run.webhook_id)
    if step.state in FINAL:
        _tell(connection, changed, step.reason, now, public_url)
    return Outcome(changed, True, step.reason)


def _let_go(connection: Connection, run: StoredRun, now: datetime) -> None:
    assert run.target is not None
    new = NewAction(
        RETRAINING,
        run.target.id,
        run.model_id,
        run.version_id,
        run.webhook_id,
        run.payload,
        run.reason,
        run.transition_id,
    )
    outbox.add_action(connection, new, now)


def _tell(connection: Connection, run: StoredRun, reason: str, now: datetime, public_url: str) -> None:
    tell(connection, news(run, reason, now, public_url), version_id=run.version_id)


def _find(connection: Connection, webhook_id: str, *, lock: bool = False) -> StoredRun:
    found = runs.find_run(connection, webhook_id, lock=lock)
    if found is None:
        known = [run.webhook_id for run in runs.list_runs(connection, most=10)]
        raise NotFoundError("retraining run", webhook_id, known, "nothing has been asked for")
    return found
