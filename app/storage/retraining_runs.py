"""Runs: requests for retraining, what became of each, and every step on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, or_, select, update

from app.core.retraining_run import OPEN, UNDER_WAY, Known, RunState, Step
from app.storage.outbox import SendState
from app.storage.tables import action, model, retraining_run, retraining_transition, target, version
from app.storage.targets import StoredTarget


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run as it is decided on. `target_id` says who is asked; `asked_by` is empty when the policy asks."""

    webhook_id: str
    model_id: int
    version_id: int
    target_id: int
    state: RunState
    asked_by: str
    reason: str
    transition_id: int | None
    payload: str
    timeout: timedelta


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run. `sending`, `attempts`, `last_error` and `next_attempt_at` are those of its request's delivery."""

    id: int
    webhook_id: str
    model_id: int
    version_id: int
    model: str
    version: str
    target: StoredTarget | None
    state: RunState
    asked_by: str
    reason: str
    transition_id: int | None
    payload: str
    timeout: timedelta
    accepted_at: datetime | None
    external_id: str
    next_poll_at: datetime | None
    poll_error: str
    new_version: str
    metrics: Mapping[str, Any] | None
    training_set: str
    created_at: datetime
    changed_at: datetime
    sending: SendState | None
    attempts: int
    last_error: str
    next_attempt_at: datetime | None

    @property
    def known(self) -> Known:
        return Known(self.state, self.new_version, self.sending is SendState.DEAD)


@dataclass(frozen=True, slots=True)
class RunStep:
    """One step of a run's life; `old_state` is empty for the first."""

    old_state: str
    new_state: str
    reason: str
    by: str
    at: datetime


def add_run(connection: Connection, new: NewRun, by: str, now: datetime) -> int:
    """Store a run and its first step; its id."""
    values = {
        "webhook_id": new.webhook_id,
        "model_id": new.model_id,
        "version_id": new.version_id,
        "target_id": new.target_id,
        "state": new.state.value,
        "asked_by": new.asked_by,
        "reason": new.reason,
        "transition_id": new.transition_id,
        "payload": new.payload,
        "timeout_seconds": int(new.timeout.total_seconds()),
        "created_at": now,
        "changed_at": now,
    }
    made: int = connection.execute(insert(retraining_run).values(values).returning(retraining_run.c.id)).scalar_one()
    _add_step(connection, made, "", new.state, new.reason, by, now)
    return made


def change_state(connection: Connection, run: StoredRun, step: Step, by: str, now: datetime, **values: Any) -> bool:
    """Write a step down; False, and nothing written, when the run is no longer as it was read."""
    r = retraining_run.c
    as_read = (r.id == run.id) & (r.state == run.state.value) & (r.new_version == run.new_version)
    changed = {"state": step.state.value, "changed_at": now, **values}
    if connection.execute(update(retraining_run).where(as_read).values(changed)).rowcount != 1:
        return False
    _add_step(connection, run.id, run.state, step.state, step.reason, by, now)
    return True


def _add_step(
    connection: Connection, run_id: int, old: str, new: RunState, reason: str, by: str, now: datetime
) -> None:
    values = {"run_id": run_id, "old_state": old, "new_state": new.value, "reason": reason, "by": by, "at": now}
    connection.execute(insert(retraining_transition).values(values))


def note_taken(connection: Connection, run_id: int, external_id: str, next_poll_at: datetime | None) -> None:
    """Write down what the service calls the run, and when to ask it for the first time."""
    values = {"external_id": external_id, "next_poll_at": next_poll_at}
    connection.execute(update(retraining_run).where(retraining_run.c.id == run_id).values(values))


def note_poll(connection: Connection, run_id: int, error: str, next_poll_at: datetime) -> None:
    """Write down how asking the service went, and when to ask again."""
    values = {"poll_error": error, "next_poll_at": next_poll_at}
    connection.execute(update(retraining_run).where(retraining_run.c.id == run_id).values(values))


def claim_polls(connection: Connection, now: datetime, until: datetime, most: int) -> list[StoredRun]:
    """Up to `most` runs whose service is to be asked now; nobody else asks before `until`."""
    r = retraining_run.c
    due = r.state.in_([state.value for state in UNDER_WAY]) & (r.next_poll_at <= now)
    query = select(r.id).where(due).order_by(r.next_poll_at, r.id).limit(most)
    ids = connection.scalars(query.with_for_update(skip_locked=True)).all()
    connection.execute(update(retraining_run).where(r.id.in_(ids)).values(next_poll_at=until))
    return _read(connection, _runs().where(r.id.in_(ids)).order_by(r.id))


def has_due_polls(connection: Connection, now: datetime) -> bool:
    """Whether any service is to be asked now."""
    r = retraining_run.c
    due = r.state.in_([state.value for state in UNDER_WAY]) & (r.next_poll_at <= now)
    return connection.execute(select(r.id).where(due).limit(1)).first() is not None


def runs_under_way(connection: Connection) -> list[StoredRun]:
    """Runs that the service has taken and that have not ended, oldest first."""
    r = retraining_run.c
    return _read(connection, _runs().where(r.state.in_([state.value for state in UNDER_WAY])).order_by(r.id))


def find_run(connection: Connection, webhook_id: str, *, lock: bool = False) -> StoredRun | None:
    """The run of that id, or None. `lock`: others who want to change it wait."""
    if lock:
        mine = select(retraining_run.c.id).where(retraining_run.c.webhook_id == webhook_id)
        connection.execute(mine.with_for_update())
    found = _read(connection, _runs().where(retraining_run.c.webhook_id == webhook_id))
    return found[0] if found else None


def list_runs(
    connection: Connection, model_id: int | None = None, states: Sequence[str] = (), most: int = 100
) -> list[StoredRun]:
    """The newest runs (of the model, in one of the states), newest first."""
    r = retraining_run.c
    query = _runs().order_by(r.id.desc()).limit(most)
    query = query if model_id is None else query.where(r.model_id == model_id)
    return _read(connection, query.where(r.state.in_(states)) if states else query)


def last_run(connection: Connection, model_id: int) -> StoredRun | None:
    """The model's newest run."""
    found = list_runs(connection, model_id, most=1)
    return found[0] if found else None


def open_run(connection: Connection, model_id: int) -> StoredRun | None:
    """The model's newest run that has not ended."""
    found = list_runs(connection, model_id, [state.value for state in OPEN], most=1)
    return found[0] if found else None


def last_covered(connection: Connection, model_id: int) -> int:
    """The newest alert transition that a run was made for; 0 when there is none."""
    r = retraining_run.c
    query = select(r.transition_id).where(r.model_id == model_id, r.transition_id.is_not(None))
    return connection.scalar(query.order_by(r.id.desc()).limit(1)) or 0


def asked_since(connection: Connection, model_id: int, since: datetime) -> list[datetime]:
    """When the policy's requests after `since` were made that were let go, oldest first."""
    r = retraining_run.c
    sent = or_(r.state != RunState.CANCELLED.value, r.accepted_at.is_not(None))
    query = select(r.created_at).where(r.model_id == model_id, r.created_at > since, sent)
    return list(connection.scalars(query.order_by(r.id)))


def steps(connection: Connection, run_id: int) -> list[RunStep]:
    """Every step of the run, oldest first."""
    t = retraining_transition.c
    query = select(t.old_state, t.new_state, t.reason, t.by, t.at).where(t.run_id == run_id).order_by(t.id)
    return [RunStep(*row) for row in connection.execute(query)]


def steps_of(connection: Connection, run_ids: Sequence[int]) -> dict[int, list[RunStep]]:
    """The same of several runs, by run."""
    t = retraining_transition.c
    query = select(t.run_id, t.old_state, t.new_state, t.reason, t.by, t.at).where(t.run_id.in_(run_ids)).order_by(t.id)
    found: dict[int, list[RunStep]] = {}
    for run_id, *step in connection.execute(query):
        found.setdefault(run_id, []).append(RunStep(*step))
    return found


def _runs() -> Select[Any]:
    sending = (action.c.state.label("sending"), action.c.attempts, action.c.last_error, action.c.next_attempt_at)
    names = (model.c.name.label("model"), version.c.name.label("version"), target.c.name.label("target"))
    return (
        select(retraining_run, *names, target.c.preset, target.c.config, *sending)
        .join(model, model.c.id == retraining_run.c.model_id)
        .join(version, version.c.id == retraining_run.c.version_id)
        .outerjoin(target, target.c.id == retraining_run.c.target_id)
        .outerjoin(action, action.c.webhook_id == retraining_run.c.webhook_id)
    )


def _read(connection: Connection, query: Select[Any]) -> list[StoredRun]:
    return [_run(row) for row in connection.execute(query)]


def _run(row: Row[Any]) -> StoredRun:
    same = {
        name: getattr(row, name)
        for name in StoredRun.__slots__
        if name not in {"target", "state", "timeout", "sending", "attempts", "last_error"}
    }
    return StoredRun(
        **same,
        target=None if row.target_id is None else StoredTarget(row.target_id, row.target, row.preset, row.config),
        state=RunState(row.state),
        timeout=timedelta(seconds=row.timeout_seconds),
        sending=None if row.sending is None else SendState(row.sending),
        attempts=row.attempts or 0,
        last_error=row.last_error or "",
    )
