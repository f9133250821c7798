"""One round of all jobs, each at most once per slot of its schedule."""

from __future__ import annotations

import os
import re
import socket
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from app.core.digest_schedule import schedule
from app.core.errors import WatchkeeperError
from app.core.notifying import Pace
from app.services.alerting import alert
from app.services.automatic_rollback import roll_back_by_policy
from app.services.delivery import deliver
from app.services.digests import write_digests
from app.services.evaluate import evaluate
from app.services.fold import fold
from app.services.heartbeat import beat
from app.services.report_runs import make_reports
from app.services.retraining import act
from app.services.review_fill import fill_queues
from app.services.rollup import roll_up
from app.services.schedule import ALL, FREQUENT, KEEP_DONE_FREQUENT, KEEP_RUNS, Job, slot_of
from app.services.watch import watch
from app.settings import Settings
from app.storage.engine import read, write
from app.storage.jobs import RunState, finish_run, has_run, prune_runs, start_run
from app.storage.unfolded import batches_waiting

LONGEST_DETAIL = 500


@dataclass(frozen=True, slots=True)
class JobRun:
    """What one job did in one slot. `detail` are its counts, or the error; empty when there was nothing to do."""

    job: Job
    slot: datetime
    outcome: RunState
    detail: str
    seconds: float


@dataclass(frozen=True, slots=True)
class RoundSummary:
    """The jobs that ran, in order; those whose slot had been taken before are left out."""

    jobs: tuple[JobRun, ...]

    @property
    def failed(self) -> bool:
        return any(run.outcome is RunState.FAILED for run in self.jobs)


def this_process() -> str:
    """The name under which runs of this process are recorded."""
    return f"{socket.gethostname()}:{os.getpid()}"


def run_round(
    engine: Engine,
    settings: Settings,
    now: datetime,
    *,
    environment: Mapping[str, str],
    jobs: Sequence[Job] = ALL,
    worker: str = "",
    force: bool = False,
    spaced: bool = True,
) -> RoundSummary:
    """Do all work that is due at `now`, job after job; a job that fails does not keep the next ones from running.

    A job runs once per slot, which is `now` rounded down to a multiple of its interval. `force`: it runs whatever the
    slots say, and `now` itself is its slot. `environment` is where channels find the secrets that they name. Not
    `spaced`: messages leave as fast as they can, for times that are replayed to receivers of one's own.
    Raises sqlalchemy's DBAPIError when the database cannot even be asked which work is due.
    """
    worker = worker or this_process()
    began = time.monotonic()
    runs = []
    for job in jobs:
        slot = now if force else slot_of(job, settings, now)
        # After a long evaluation the round's beginning is long past, and a claim dated then has run out already.
        present = now + timedelta(seconds=time.monotonic() - began)
        if _claim(engine, job, slot, worker, present, force=force):
            work = partial(_do, job, engine, settings, present, environment, spaced)
            runs.append(_run(engine, job, slot, present, work))
    return RoundSummary(tuple(runs))


def _claim(engine: Engine, job: Job, slot: datetime, worker: str, now: datetime, *, force: bool) -> bool:
    if not force:
        with read(engine) as connection:  # mostly the answer is no, and to ask costs no turn at writing
            if has_run(connection, job, slot):
                return False
    with write(engine) as connection:
        return start_run(connection, job, slot, worker, now, again=force)


def _run(engine: Engine, job: Job, slot: datetime, now: datetime, work: Callable[[], object]) -> JobRun:
    began = time.monotonic()
    try:
        detail, state = _counts(work()), RunState.DONE
    except Exception as error:  # noqa: BLE001  the one place that answers for whole jobs: recorded, told, and the next goes on
        detail, state = described(error), RunState.FAILED
    seconds = time.monotonic() - began
    with write(engine) as connection:
        waiting = batches_waiting(connection) if job is Job.FOLD else None
        finish_run(connection, job, slot, state, detail, now + timedelta(seconds=seconds), waiting)
        prune_runs(connection, job, now - KEEP_RUNS)
        if job in FREQUENT:
            prune_runs(connection, job, now - KEEP_DONE_FREQUENT, RunState.DONE)
    return JobRun(job, slot, state, detail, round(seconds, 3))


def _do(
    job: Job, engine: Engine, settings: Settings, now: datetime, environment: Mapping[str, str], spaced: bool
) -> object:
    work: Mapping[Job, Callable[[], object]] = {
        Job.FOLD: lambda: fold(engine, now),
        Job.EVALUATE: lambda: evaluate(engine, now),
        Job.ALERT: lambda: alert(
            engine,
            now,
            public_url=settings.public_url,
            reports=settings.alert_reports,
            pace=pace(settings),
            digests=bool(settings.digest),
        ),
        Job.WATCH: lambda: watch(engine, now, settings, environment=environment, pace=pace(settings)),
        Job.ROLL_BACK: lambda: roll_back_by_policy(engine, now),
        Job.DIGEST: lambda: write_digests(engine, now, schedule(settings.digest), public_url=settings.public_url),
        Job.DELIVER: lambda: deliver(engine, now, settings, environment=environment, spaced=spaced),
        Job.ACT: lambda: act(engine, now, settings, environment=environment),
        Job.REPORT: lambda: make_reports(engine, now, environment=environment),
        Job.ROLL_UP: lambda: roll_up(engine, now),
        Job.REVIEW: lambda: fill_queues(engine, now),
        Job.HEARTBEAT: lambda: beat(engine, now, settings, environment=environment),
    }
    return work[job]()


def pace(settings: Settings) -> Pace:
    """How often people are told of an alert."""
    minutes = settings.alert_escalate_minutes
    return Pace(
        repeat=timedelta(hours=settings.alert_repeat_hours), escalate=timedelta(minutes=minutes) if minutes else None
    )


def _counts(summary: object) -> str:
    """What a job's summary says, without what is zero or empty."""
    assert is_dataclass(summary)
    said = []
    for spec in fields(summary):
        value = getattr(summary, spec.name)
        if is_dataclass(value):
            said.append(_counts(value))
        elif value:
            shown = ",".join(map(str, value)) if isinstance(value, tuple) else value
            said.append(f"{spec.name}={shown}")
    return " ".join(part for part in said if part)[:LONGEST_DETAIL]


def described(error: Exception) -> str:
    """An error in a line, fit to be stored and logged: no statement, no values, no address beyond its scheme."""
    if isinstance(error, ExceptionGroup):
        text = "; ".join(f"{': '.join(getattr(one, '__notes__', []))}: {described(one)}" for one in error.exceptions)
    elif isinstance(error, WatchkeeperError):
        text = str(error)
    elif isinstance(error, DBAPIError):
        text = f"{type(error.orig).__name__}: {error.orig}"
    else:
        at = traceback.extract_tb(error.__traceback__)[-1:]
        where = "".join(f" ({Path(frame.filename).name}:{frame.lineno})" for frame in at)
        text = f"{type(error).__name__}: {error}{where}"
    return re.sub(r"(\w+://)[^\s'\"]+", r"\1...", " ".join(text.split()))[:LONGEST_DETAIL]
