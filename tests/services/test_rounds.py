"""A round does all due work in order, each job once per slot, and a job that fails stops no other."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from app.core.errors import ConflictError
from app.core.model import Task
from app.services import rounds
from app.services.evaluate import EvaluationSummary
from app.services.rounds import RoundSummary, described, run_round
from app.services.schedule import ALL, Job
from app.services.sending import SendSummary
from app.settings import Settings
from app.storage.jobs import RunState
from tests.services.measured import rows_of
from tests.services.served import prediction, serve, store

NOW = datetime(2026, 3, 2, 12, 0, 13, tzinfo=UTC)
SETTINGS = Settings(fold_interval_seconds=5, work_interval_seconds=30)


def run(engine: Engine, now: datetime = NOW, *, force: bool = False, jobs: tuple[Job, ...] = ALL) -> RoundSummary:
    return run_round(engine, SETTINGS, now, environment={}, jobs=jobs, force=force, worker="me")


def test_jobs_run_in_order_and_are_recorded_under_their_slot(engine: Engine) -> None:
    served = serve(engine, Task.BINARY)
    store(engine, [prediction(served.version_ids[0], "p")])
    summary = run(engine)
    assert [(one.job, one.slot.second, one.outcome) for one in summary.jobs] == [
        (Job.FOLD, 10, RunState.DONE),
        (Job.EVALUATE, 0, RunState.DONE),
        (Job.ALERT, 0, RunState.DONE),
        (Job.WATCH, 0, RunState.DONE),
        (Job.ROLL_BACK, 0, RunState.DONE),
        (Job.DIGEST, 0, RunState.DONE),
        (Job.DELIVER, 10, RunState.DONE),
        (Job.ACT, 0, RunState.DONE),
        (Job.REPORT, 0, RunState.DONE),
        (Job.ROLL_UP, 0, RunState.DONE),
        (Job.REVIEW, 0, RunState.DONE),
        (Job.HEARTBEAT, 0, RunState.DONE),
    ]
    assert summary.jobs[0].detail == "batches=1 predictions=1 windows=1"
    assert not summary.failed
    rows = rows_of(engine, "job_run")
    assert [(row["job"], row["slot"], row["worker"], row["outcome"], row["detail"]) for row in rows] == [
        (one.job.value, one.slot, "me", "done", one.detail) for one in summary.jobs
    ]
    assert all(row["finished_at"] >= row["started_at"] >= NOW for row in rows)  # type: ignore[operator]


def test_a_slot_is_worked_on_once_and_the_next_one_again(engine: Engine) -> None:
    run(engine)
    assert run(engine, NOW + timedelta(seconds=1)).jobs == ()
    assert [one.job for one in run(engine, NOW + timedelta(seconds=2)).jobs] == [Job.FOLD, Job.DELIVER]
    seldom = {Job.WATCH, Job.HEARTBEAT}  # once a minute, whatever the interval of the others
    half_a_minute = [one.job for one in run(engine, NOW + timedelta(seconds=17)).jobs]
    assert half_a_minute == [job for job in ALL if job not in seldom]
    assert [one.job for one in run(engine, NOW + timedelta(seconds=47)).jobs] == list(ALL)


def test_forced_it_runs_whatever_the_slots_say(engine: Engine) -> None:
    run(engine)
    for _ in range(2):  # the same moment twice, as with `watchkeeper run --until`
        assert [(one.job, one.slot) for one in run(engine, force=True).jobs] == [(job, NOW) for job in ALL]
    assert len(rows_of(engine, "job_run")) == 2 * len(ALL)


def test_many_at_once_do_each_job_once(engine: Engine) -> None:
    with ThreadPoolExecutor(4) as pool:
        summaries = list(pool.map(lambda _: run(engine), range(4)))
    assert sorted(one.job for summary in summaries for one in summary.jobs) == sorted(ALL)


def test_jobs_after_a_long_one_know_how_late_it_is(engine: Engine) -> None:
    def evaluate_slowly(*_: object) -> EvaluationSummary:
        time.sleep(0.05)
        return EvaluationSummary()

    with (
        patch.object(rounds, "evaluate", autospec=True, side_effect=evaluate_slowly),
        patch.object(rounds, "deliver", autospec=True, return_value=SendSummary()) as deliver,
    ):
        run(engine)
    assert deliver.call_args.args[1] >= NOW + timedelta(seconds=0.05)


@pytest.mark.parametrize("error", [ConflictError("what to mend"), TypeError("a bug of ours")])
def test_a_job_that_fails_is_recorded_and_the_next_ones_run(engine: Engine, error: Exception) -> None:
    with patch.object(rounds, "evaluate", autospec=True, side_effect=error):
        summary = run(engine)
    assert [(one.job, one.outcome) for one in summary.jobs] == [
        (job, RunState.FAILED if job is Job.EVALUATE else RunState.DONE) for job in ALL
    ]
    assert summary.failed
    assert str(error) in summary.jobs[1].detail
    (row,) = [row for row in rows_of(engine, "job_run") if row["outcome"] == "failed"]
    assert (row["job"], row["detail"]) == ("evaluate", summary.jobs[1].detail)


def test_old_runs_are_forgotten_and_uneventful_frequent_ones_sooner(engine: Engine) -> None:
    run(engine)
    with patch.object(rounds, "fold", autospec=True, side_effect=ConflictError("no")):
        run(engine, NOW + timedelta(minutes=1), jobs=(Job.FOLD,))
    run(engine, NOW + timedelta(days=2))
    assert [row["outcome"] for row in rows_of(engine, "job_run") if row["job"] == "fold"] == ["failed", "done"]
    assert len(rows_of(engine, "job_run")) == 2 + 1 + 2 * (len(ALL) - 2)
    run(engine, NOW + timedelta(days=31, minutes=2))
    assert len(rows_of(engine, "job_run")) == 2 + 2 * (len(ALL) - 2)


LOST = OperationalError("SELECT secret", {"key": "value"}, Exception("connection to postgresql://me:word@db lost"))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConflictError("the model exists"), "the model exists"),
        (LOST, "Exception: connection to postgresql://... lost"),
        (OSError("no answer from https://hooks.example/T0/secret"), "OSError: no answer from https://..."),
        (ValueError("two\nlines"), "ValueError: two lines"),
    ],
)
def test_errors_are_told_in_a_line_without_statements_values_or_addresses(error: Exception, words: str) -> None:
    assert described(error) == words


def test_an_unforeseen_error_says_where_it_happened() -> None:
    with pytest.raises(ValueError, match="invalid literal") as raised:
        int("seven")
    words = described(raised.value)
    assert words.startswith("ValueError: invalid literal for int() with base 10: 'seven' (test_rounds.py:")
