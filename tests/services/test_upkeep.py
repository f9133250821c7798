"""How the work of an installation goes on, as its page shows it: on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from app.services.client_reports import take_report
from app.services.keys import create_key
from app.services.read_models import upkeep
from app.services.rounds import run_round
from app.services.schedule import Job
from app.settings import Settings
from app.storage.client_reports import ClientReport
from app.storage.engine import write
from app.storage.jobs import RunState, finish_run, start_run

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


def test_each_job_tells_its_newest_runs_and_when_it_is_due(engine: Engine, settings: Settings) -> None:
    run_round(engine, settings, NOW - timedelta(minutes=1), environment={})
    run_round(engine, settings, NOW, environment={})

    found = upkeep.work(engine, settings, NOW)

    assert [one.job for one in found.jobs] == list(Job)
    fold = found.jobs[0]
    assert [run.slot for run in fold.runs] == [NOW, NOW - timedelta(minutes=1)]
    assert all(run.state is RunState.DONE and run.took is not None for run in fold.runs)
    assert fold.next_due == NOW + timedelta(seconds=settings.fold_interval_seconds)
    assert not found.worker_leads
    assert not any(one.trouble for one in found.jobs)


def test_the_time_of_a_job_is_its_own_and_not_that_of_those_before_it(engine: Engine, settings: Settings) -> None:
    run_round(engine, settings, NOW, environment={})

    runs = [one.runs[0] for one in upkeep.work(engine, settings, NOW).jobs if one.runs]

    ends = [run.finished_at for run in runs]
    assert all(end is not None and later.started_at >= end for end, later in zip(ends[:-1], runs[1:], strict=True))


def test_a_job_that_failed_says_why_and_how_to_mend_it(engine: Engine, settings: Settings) -> None:
    with write(engine) as connection:
        start_run(connection, "deliver", NOW, "here:1", NOW)
        finish_run(connection, "deliver", NOW, RunState.FAILED, "OSError: no room", NOW + timedelta(seconds=3))

    deliver = next(one for one in upkeep.work(engine, settings, NOW).jobs if one.job is Job.DELIVER)

    assert deliver.runs[0].took == timedelta(seconds=3)
    assert "OSError: no room" in deliver.trouble
    assert "watchkeeper run" in deliver.mend


def test_only_so_many_runs_are_read(engine: Engine, settings: Settings) -> None:
    with write(engine) as connection:
        for minute in range(upkeep.MOST_RUNS + 5):
            start_run(connection, "watch", NOW + timedelta(minutes=minute), "here:1", NOW)

    watch = next(one for one in upkeep.work(engine, settings, NOW).jobs if one.job is Job.WATCH)

    assert len(watch.runs) == upkeep.MOST_RUNS
    assert watch.runs[0].slot == NOW + timedelta(minutes=upkeep.MOST_RUNS + 4)


def test_clients_that_lost_records_come_first(engine: Engine) -> None:
    for client, host, dropped in (("a", "calm", {}), ("b", "full", {"buffer_full": 7}), ("c", "newest", {})):
        report = ClientReport(client, host, NOW, 100, 90, None, 93, 0, dropped)
        take_report(engine, report, NOW + timedelta(minutes=ord(client)))

    found = upkeep.intake(engine, NOW)

    assert [one.report.host for one in found.shown] == ["full", "newest", "calm"]
    assert found.clients == 3
    assert found.shown[0].report.dropped == {"buffer_full": 7}


def test_the_size_of_the_database_is_that_of_the_database_itself(engine: Engine) -> None:
    for n in range(3):
        create_key(engine, f"service {n}", "ingest", NOW)
    if engine.dialect.name == "postgresql":
        with write(engine) as connection:
            connection.execute(text("ANALYZE api_key"))

    found = upkeep.store(engine)

    keys = next(one for one in found.size.tables if one.name == "api_key")
    assert keys.rows == 3
    assert found.schema == found.needed
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            pages = [connection.scalar(text(f"PRAGMA {name}")) for name in ("page_size", "page_count")]
            assert found.size.size_bytes == pages[0] * pages[1]
            assert keys.size_bytes is None
        else:
            assert keys.size_bytes == connection.scalar(text("SELECT pg_total_relation_size('api_key')"))
            assert found.size.size_bytes > sum(one.size_bytes or 0 for one in found.size.tables)
