"""Runs of jobs: one row per job and slot, so that no slot is worked on twice."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, delete, exists, select, update
from sqlalchemy.dialects import postgresql, sqlite

from app.storage.tables import job_run


class RunState(StrEnum):
    """What became of a run. One that stays `running` belongs to a process that died."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


def has_run(connection: Connection, job: str, slot: datetime) -> bool:
    """True when the slot was taken, by whomever and with whatever result."""
    return bool(connection.scalar(select(exists().where(job_run.c.job == job, job_run.c.slot == slot))))


def start_run(
    connection: Connection, job: str, slot: datetime, worker: str, now: datetime, *, again: bool = False
) -> bool:
    """Take a slot; False when it was taken before. `again`: take it even then, in place of the earlier run."""
    fresh = {"worker": worker, "started_at": now, "finished_at": None, "outcome": RunState.RUNNING.value, "detail": ""}
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    new = dialect.insert(job_run).values(job=job, slot=slot, **fresh)
    key = [job_run.c.job, job_run.c.slot]
    taken = new.on_conflict_do_update(index_elements=key, set_=fresh) if again else new.on_conflict_do_nothing()
    return connection.execute(taken.returning(job_run.c.id)).first() is not None


def finish_run(
    connection: Connection,
    job: str,
    slot: datetime,
    state: RunState,
    detail: str,
    finished_at: datetime,
    waiting: int | None = None,
) -> None:
    """Record how a run ended, and of a fold how many batches it left behind."""
    mine = (job_run.c.job == job) & (job_run.c.slot == slot)
    values = {"outcome": state.value, "detail": detail, "finished_at": finished_at, "waiting": waiting}
    connection.execute(update(job_run).where(mine).values(values))


def prune_runs(connection: Connection, job: str, before: datetime, state: RunState | None = None) -> None:
    """Forget the job's runs of slots before that time, or those of them that ended in `state`."""
    old = (job_run.c.job == job) & (job_run.c.slot < before)
    connection.execute(delete(job_run).where(old if state is None else old & (job_run.c.outcome == state.value)))
