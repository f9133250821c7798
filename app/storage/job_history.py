"""What became of the newest runs of each job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select, union_all

from app.storage.jobs import RunState
from app.storage.tables import job_run


@dataclass(frozen=True, slots=True)
class PastRun:
    """One run of a job in its slot; `finished_at` is None while it runs, or for ever where its process died."""

    job: str
    slot: datetime
    worker: str
    started_at: datetime
    finished_at: datetime | None
    state: RunState
    detail: str

    @property
    def took(self) -> timedelta | None:
        return None if self.finished_at is None else self.finished_at - self.started_at


def newest_runs(connection: Connection, jobs: Sequence[str], most: int) -> dict[str, list[PastRun]]:
    """Up to `most` runs of each job, the newest first; a job that never ran is left out."""
    runs = job_run.c
    shown = (runs.job, runs.slot, runs.worker, runs.started_at, runs.finished_at, runs.outcome, runs.detail)
    of_each = [
        select(select(*shown).where(runs.job == job).order_by(runs.slot.desc()).limit(most).subquery()) for job in jobs
    ]
    found: dict[str, list[PastRun]] = {}
    for row in connection.execute(union_all(*of_each)):
        times = (row.started_at, row.finished_at)
        run = PastRun(row.job, row.slot, row.worker, *times, RunState(row.outcome), row.detail)
        found.setdefault(row.job, []).append(run)
    return {job: sorted(each, key=lambda run: run.slot, reverse=True) for job, each in found.items()}
