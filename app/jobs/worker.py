"""The worker as a process: of all that run, the leader does the jobs, each in time and once."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from apscheduler.events import EVENT_SCHEDULER_STARTED
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.blocking import BlockingScheduler
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from app.core.errors import WatchkeeperError
from app.services.rounds import JobRun, described, run_round, this_process
from app.services.schedule import GROUPS, Job, interval
from app.settings import Settings
from app.storage import migrate
from app.storage.engine import open_engine
from app.storage.jobs import RunState
from app.storage.lease import Lease

LONGEST_TICK = timedelta(seconds=5)
"""How often at least it is asked who leads and which slots are due, and so how soon another worker takes over."""

_log = logging.getLogger(__name__)


class Worker:
    """Leads when nobody else does, and then does the jobs whose slot has come.

    `outdated` says why it does nothing more: the schema is another one since; "" while it is not.
    """

    def __init__(self, engine: Engine, settings: Settings, environment: Mapping[str, str]) -> None:
        self._engine, self._settings, self._environment = engine, settings, environment
        self._name = this_process()
        self._lease, self._lease_lock = Lease(engine), threading.Lock()
        self._leading: bool | None = None
        self._schema = migrate.current(engine)  # not the newest on the disk: the program may have been replaced there
        self.outdated = ""
        self.stop: Callable[[], None] = lambda: None
        self._errors: dict[str, str] = {}

    def tick(self, jobs: Sequence[Job]) -> None:
        """Do those of the jobs that are due, if this worker leads."""
        now = datetime.now(UTC)
        try:
            if self._is_outdated() or not self._leads():
                return
            summary = run_round(
                self._engine, self._settings, now, environment=self._environment, jobs=jobs, worker=self._name
            )
        except DBAPIError as error:
            self._complain(f"jobs={','.join(jobs)}", described(error))
            return
        self._praise(f"jobs={','.join(jobs)}")
        for run in summary.jobs:
            self._tell(run)

    def leave(self) -> None:
        """Let another worker lead."""
        with self._lease_lock:
            self._lease.release()

    def _is_outdated(self) -> bool:
        """Whether the schema is another one than at the beginning; then the worker asks to be stopped, once."""
        current = migrate.current(self._engine)
        if current == self._schema:
            return False
        with self._lease_lock:
            if not self.outdated:
                self.outdated = (
                    f"the schema went from {self._schema} to {current or 'empty'} under this worker, which would write "
                    "what no longer fits; start it again with the program of that schema"
                )
                self.stop()
        return True

    def _leads(self) -> bool:
        with self._lease_lock:
            leads = self._lease.acquire()
            if leads != self._leading:
                self._leading = leads
                _log.info("worker=%s state=%s", self._name, "leading" if leads else "standing-by")
            return leads

    def _tell(self, run: JobRun) -> None:
        subject = f"job={run.job}"
        if run.outcome is RunState.FAILED:
            self._complain(f"{subject} slot={run.slot:%Y-%m-%dT%H:%M:%SZ} seconds={run.seconds}", run.detail, subject)
            return
        self._praise(subject)
        level = logging.INFO if run.detail else logging.DEBUG  # a fold every few seconds, mostly with nothing to do
        _log.log(level, "%s slot=%s seconds=%s %s", subject, f"{run.slot:%Y-%m-%dT%H:%M:%SZ}", run.seconds, run.detail)

    def _complain(self, what: str, error: str, subject: str = "") -> None:
        """Log an error, once until it changes."""
        if self._errors.get(subject or what) != error:
            self._errors[subject or what] = error
            _log.error("%s error=%r", what, error)

    def _praise(self, subject: str) -> None:
        if self._errors.pop(subject, None) is not None:
            _log.info("%s state=recovered", subject)


def work(settings: Settings) -> None:
    """Work until told to stop (SIGTERM, SIGINT); then finish the job that is running, and return.

    Raises WatchkeeperError when the database's schema is not the one this program needs, or is so no longer.
    """
    engine = open_engine(settings)
    try:
        if not migrate.is_current(engine):
            state = migrate.current(engine) or "empty"
            raise WatchkeeperError(f"the schema is {state}, {migrate.head()} is needed; run `watchkeeper db upgrade`")
        worker = Worker(engine, settings, os.environ)
        _run_until_stopped(_scheduler(worker, settings), worker)
        worker.leave()
        if worker.outdated:
            raise WatchkeeperError(worker.outdated)
    finally:
        engine.dispose()


def _scheduler(worker: Worker, settings: Settings) -> BlockingScheduler:
    # A tick that comes while its jobs still run is passed over, and that is nothing to warn of: slots say what is due.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    scheduler = BlockingScheduler(timezone=UTC, executors={"default": ThreadPoolExecutor(len(GROUPS))})
    for jobs in GROUPS:
        tick = min(LONGEST_TICK, *(interval(job, settings) for job in jobs))
        # From the same zero as the slots, so that a tick falls on the start of each of them.
        trigger = IntervalTrigger(
            seconds=int(tick.total_seconds()), start_date=datetime(1970, 1, 1, tzinfo=UTC), timezone=UTC
        )
        scheduler.add_job(
            worker.tick,
            trigger,
            args=[jobs],
            # Whoever looks at the other jobs lets them begin first: after a long stop all of them are late.
            next_run_time=datetime.now(UTC) + (LONGEST_TICK if Job.WATCH in jobs else timedelta(0)),
            coalesce=True,
            max_instances=1,
            misfire_grace_time=int(tick.total_seconds()) + 1,
        )
    return scheduler


def _run_until_stopped(scheduler: BlockingScheduler, worker: Worker) -> None:
    # In a thread of its own: the main one may hold the scheduler's lock at the moment the signal comes.
    stopper = threading.Thread(target=scheduler.shutdown, name="stop")
    once = threading.Lock()

    def stop(*_: object) -> None:
        if once.acquire(blocking=False):  # never released: it may be told from several threads
            stopper.start()

    def listen(_: object) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)

    worker.stop = stop
    scheduler.add_listener(listen, EVENT_SCHEDULER_STARTED)  # one that has not started cannot be stopped
    scheduler.start()
    stopper.join()
