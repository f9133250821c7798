"""How the work of this installation goes on: its jobs, what waits, who reports losses, and what it takes of room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine

from app.core.looks.work import ailing_jobs
from app.core.review import KEPT as REVIEWS_KEPT
from app.core.self_watch import Backlog, Database, Disk, Facts, Outbox
from app.services.report_runs import KEPT_REPORTS
from app.services.rollup import KEEP_HOURS
from app.services.schedule import FREQUENT, KEEP_DONE_FREQUENT, KEEP_RUNS, Job, interval, slot_of
from app.services.self_watch import read_work
from app.settings import Settings
from app.storage import client_reports, migrate, refusals, self_watch
from app.storage.client_reports import KnownClient
from app.storage.engine import read
from app.storage.job_history import PastRun, newest_runs
from app.storage.sizes import DatabaseSize, database_size

MOST_RUNS, MOST_CLIENTS = 30, 50


@dataclass(frozen=True, slots=True)
class JobStanding:
    """A job, its newest runs (the newest first), and when the next one is due. `trouble`: why it ails; "" if not."""

    job: Job
    every: timedelta
    runs: Sequence[PastRun]
    next_due: datetime
    trouble: str = ""
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Work:
    """The jobs in their order, and what waits: batches to be counted, and messages to be sent, by place."""

    worker_leads: bool
    jobs: Sequence[JobStanding]
    backlog: Backlog
    channels: Sequence[Outbox]
    targets: Sequence[Outbox]


@dataclass(frozen=True, slots=True)
class Intake:
    """Clients that reported of late, those with losses first, of `clients` in all, and refused requests by reason."""

    clients: int
    shown: Sequence[KnownClient]
    refused: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Store:
    """What the database takes of room, and its schema beside the one that this program needs."""

    size: DatabaseSize
    schema: str
    needed: str


def work(engine: Engine, settings: Settings, now: datetime) -> Work:
    """How the jobs stand, and what waits for them."""
    with read(engine) as connection:
        facts = read_work(connection, settings, now)
        runs = newest_runs(connection, [job.value for job in Job], MOST_RUNS)
    # What doctor would say of the jobs, without the rest of its looks.
    ailing = {one.about: one for one in ailing_jobs(Facts(now, Disk(""), Database(), **facts))}
    jobs = []
    for job in Job:
        trouble = ailing.get(job.value)
        every, said = interval(job, settings), (trouble.what, trouble.mend) if trouble else ("", "")
        jobs.append(JobStanding(job, every, runs.get(job, []), slot_of(job, settings, now) + every, *said))
    return Work(facts["worker_leads"], jobs, facts["backlog"], facts["channels"], facts["retraining"])


def intake(engine: Engine, now: datetime) -> Intake:
    """What clients say of themselves, and what was refused, in the last seven days."""
    with read(engine) as connection:
        known, shown = client_reports.latest(connection, MOST_CLIENTS)
        return Intake(known, shown, self_watch.refusals(connection, now - refusals.KEPT))


def store(engine: Engine) -> Store:
    """What the database takes of room."""
    with read(engine) as connection:
        size = database_size(connection)
    return Store(size, migrate.current(engine) or "empty", migrate.head() or "empty")


def retention() -> list[tuple[str, str]]:
    """(what, how long it is kept), of what is not kept for ever and of what is."""
    often = " and ".join(sorted(FREQUENT))
    return [
        ("Predictions, corrections and labels", "for good"),
        ("Hourly windows", f"{KEEP_HOURS.days} days, or as long as labels take; then they are rolled up to days"),
        ("Daily windows and measurements", "for good"),
        ("Alerts, what people did, retraining runs, deployments", "for good"),
        ("Runs of jobs", f"{KEEP_RUNS.days} days; of {often}, when they went well, {KEEP_DONE_FREQUENT.days} day"),
        ("Reports", f"the newest {KEPT_REPORTS} of a version"),
        ("Review queue", f"{REVIEWS_KEPT.days} days; what waits for an audit longer expires"),
        ("Reports of clients", f"{client_reports.KEPT.days} days"),
        ("Refused requests", f"{refusals.KEPT.days} days"),
    ]
