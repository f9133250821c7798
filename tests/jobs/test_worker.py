"""Workers as they are run: real processes on one database, killed, stopped, and cut off from it."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine, text
from sqlalchemy.exc import OperationalError

from app.core.errors import WatchkeeperError
from app.core.retraining import Policy
from app.jobs.worker import Worker, work
from app.services import rounds
from app.services.policies import set_policy
from app.services.schedule import Job
from app.settings import Settings
from app.storage import migrate
from app.storage.engine import engine_for, write
from tests.receivers import HttpReceiver, Reply, http_receiver
from tests.services.measured import START, add_version, measure, rows_of
from tests.sessions import end_lease_sessions

ROOT = Path(__file__).parents[2]
TAKEOVER_SECONDS = 30
SECRET = "whsec_" + base64.b64encode(b"a key of twenty-four byte").decode()


class WorkerProcess:
    """A worker started as `watchkeeper work`, with its log in a file."""

    def __init__(self, url: URL, log: Path) -> None:
        environment = {
            **os.environ,
            "WATCHKEEPER_DATABASE_URL": url.render_as_string(hide_password=False),
            "WATCHKEEPER_DATA_DIR": str(log.parent),
            "WATCHKEEPER_FOLD_INTERVAL_SECONDS": "1",
            "WATCHKEEPER_WORK_INTERVAL_SECONDS": "1",
            "WATCHKEEPER_ALLOW_PRIVATE_TARGETS": "1",
            "RETRAIN": SECRET,
        }
        self._log = log
        with log.open("w") as out:
            command = [sys.executable, "-m", "app.cli", "work"]
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out)

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def name(self) -> str:
        return f"{os.uname().nodename}:{self.process.pid}"

    def end(self, number: int = signal.SIGKILL) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout=30)


@contextmanager
def workers(url: URL, folder: Path, count: int) -> Iterator[list[WorkerProcess]]:
    started = [WorkerProcess(url, folder / f"worker-{number}.log") for number in range(count)]
    try:
        yield started
    finally:
        for one in started:
            one.end()


def wait_until(true: Callable[[], bool], seconds: float, what: str) -> float:
    """Seconds until it was true; fails when that takes too long."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds, f"{what}: not within {seconds} s"
        time.sleep(0.05)
    return time.monotonic() - began


def ask_for_retraining(engine: Engine, url: str) -> None:
    """A model in breach whose policy asks for retraining: the next round sends one request."""
    measure(engine, add_version(engine), "ob")
    set_policy(
        engine,
        START,
        "delay",
        Policy(("training_serving_skew",), timedelta(days=7), 0),
        webhook_url=url,
        secret="env:RETRAIN",
    )


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with http_receiver() as receiver:
        yield receiver


def runs(engine: Engine) -> list[tuple[object, object]]:
    return [(row["job"], row["slot"]) for row in rows_of(engine, "job_run")]


def test_of_two_workers_one_works_and_the_other_takes_over(
    engine: Engine, tmp_path: Path, receiver: HttpReceiver, record_property: Callable[[str, object], None]
) -> None:
    ask_for_retraining(engine, receiver.url())
    with workers(engine.url, tmp_path, 2) as both:
        wait_until(lambda: len(runs(engine)) >= 15, 40, "jobs have run")
        wait_until(lambda: all("state=" in one.log for one in both), 40, "both have started")
        (leader,) = [one for one in both if "state=leading" in one.log]
        (other,) = [one for one in both if one is not leader]
        assert {row["worker"] for row in rows_of(engine, "job_run")} == {leader.name}
        leader.end(signal.SIGKILL)
        took = wait_until(
            lambda: any(row["worker"] == other.name for row in rows_of(engine, "job_run")), TAKEOVER_SECONDS, "takeover"
        )
        record_property("takeover_seconds", round(took, 2))
        done = len(runs(engine))
        wait_until(lambda: len(runs(engine)) >= done + 10, 30, "the other one works")
        assert other.end(signal.SIGTERM) == 0
    assert max(Counter(runs(engine)).values()) == 1
    assert [one.path for one in receiver.received] == ["/hook"]
    assert {row["outcome"] for row in rows_of(engine, "job_run") if row["worker"] == other.name} == {"done"}


def test_told_to_stop_it_finishes_what_it_does(engine: Engine, tmp_path: Path, receiver: HttpReceiver) -> None:
    receiver.reply = lambda _: Reply(delay=2.0)
    ask_for_retraining(engine, receiver.url())
    with workers(engine.url, tmp_path, 1) as (worker,):
        wait_until(lambda: bool(receiver.received), 40, "the request is under way")
        assert worker.end(signal.SIGTERM) == 0
        assert "Traceback" not in worker.log
    assert [row["state"] for row in rows_of(engine, "action")] == ["delivered"]
    assert {row["outcome"] for row in rows_of(engine, "job_run")} == {"done"}


def test_it_does_not_begin_on_another_schema(tmp_path: Path) -> None:
    url = URL.create("sqlite", database=str(tmp_path / "old.sqlite3"))
    engine = engine_for(url)
    migrate.upgrade(engine)
    with write(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    engine.dispose()
    with workers(url, tmp_path, 1) as (worker,):
        assert worker.process.wait(timeout=40) == 1
        assert "schema 0001" in worker.log
        assert "watchkeeper db upgrade" in worker.log
    with pytest.raises(WatchkeeperError, match="the schema is empty"):
        work(Settings(data_dir=tmp_path))


def test_it_stops_when_the_schema_moves_under_it(sqlite_url: URL, tmp_path: Path) -> None:
    engine = engine_for(sqlite_url)
    with workers(sqlite_url, tmp_path, 1) as (worker,):
        wait_until(lambda: len(runs(engine)) >= 1, 40, "jobs have run")
        with write(engine) as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        assert worker.process.wait(timeout=40) == 1
        assert "to 9999 under this worker" in worker.log
        assert "Traceback" not in worker.log
    engine.dispose()


# --- one worker, step by step -----------------------------------------------------------------------------------------


@pytest.fixture
def worker(engine: Engine, caplog: pytest.LogCaptureFixture) -> Iterator[Worker]:
    caplog.set_level("INFO", logger="app.jobs.worker")
    worker = Worker(engine, Settings(fold_interval_seconds=1, work_interval_seconds=1), {})
    yield worker
    worker.leave()


def test_it_stops_when_its_session_is_lost_and_goes_on_with_a_new_one(
    postgres_url: URL, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="app.jobs.worker")
    engine = engine_for(postgres_url)
    worker = Worker(engine, Settings(), {})
    worker.tick([Job.FOLD])
    assert len(runs(engine)) == 1
    end_lease_sessions(engine)
    worker.tick([Job.EVALUATE])
    assert len(runs(engine)) == 1
    worker.tick([Job.EVALUATE])
    assert len(runs(engine)) == 2
    states = [record.getMessage().split("state=")[1] for record in caplog.records if "state=" in record.getMessage()]
    assert states == ["leading", "standing-by", "leading"]
    worker.leave()
    engine.dispose()


def test_it_stands_by_while_another_leads(engine: Engine, worker: Worker) -> None:
    other = Worker(engine, Settings(), {})
    other.tick([Job.ALERT])
    worker.tick([Job.FOLD])
    assert [job for job, _ in runs(engine)] == ["alert"]
    other.leave()
    worker.tick([Job.FOLD])
    assert [job for job, _ in runs(engine)] == ["alert", "fold"]


def test_an_error_is_logged_once_until_it_changes_or_goes(
    worker: Worker, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors: list[Exception | None] = [*[WatchkeeperError("the disk is full")] * 2, WatchkeeperError("no network"), None]

    def fold(*_: object) -> rounds.RoundSummary:
        if (error := errors.pop(0)) is not None:
            raise error
        return rounds.RoundSummary(())

    monkeypatch.setattr(rounds, "fold", fold)
    monkeypatch.setattr(rounds, "slot_of", lambda job, settings, now: now)
    for _ in range(4):
        worker.tick([Job.FOLD])
    messages = [record.getMessage() for record in caplog.records if "job=fold" in record.getMessage()]
    assert [message.rsplit(" error=")[-1] for message in messages[:2]] == ["'the disk is full'", "'no network'"]
    assert messages[2:] == ["job=fold state=recovered"]


def test_a_database_that_does_not_answer_is_said_once(
    worker: Worker, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[Exception | None] = [*[OperationalError("SELECT 1", {}, Exception("server closed"))] * 3, None]

    def run_round(*_: object, **__: object) -> rounds.RoundSummary:
        if (error := answers.pop(0)) is not None:
            raise error
        return rounds.RoundSummary(())

    monkeypatch.setattr("app.jobs.worker.run_round", run_round)
    for _ in range(4):
        worker.tick([Job.FOLD])
    messages = [record.getMessage() for record in caplog.records if "jobs=" in record.getMessage()]
    assert messages == ["jobs=fold error='Exception: server closed'", "jobs=fold state=recovered"]
