"""Set-ups as people break them: doctor finds each, says how to mend it, and is content once that is done."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Engine, insert, text, update

from app.services.client_reports import take_report
from app.storage import tables
from app.storage.client_reports import ClientReport
from app.storage.engine import engine_for, write
from app.storage.migrate import head
from tests.cli.conftest import Run
from tests.receivers import HttpReceiver, Reply, closed_port, http_receiver

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class World:
    """An installation to break: its commands, its environment, its database, and a service outside."""

    run: Run
    environment: pytest.MonkeyPatch
    folder: Path
    engine: Engine
    outside: HttpReceiver

    def sets(self, **settings: str) -> None:
        for name, value in settings.items():
            self.environment.setenv(name, value)

    def unsets(self, *names: str) -> None:
        for name in names:
            self.environment.delenv(name)

    def writes(self, statement: Any) -> None:
        with write(self.engine) as connection:
            connection.execute(statement)

    def receives(self, ago: timedelta) -> None:
        """A batch that a collector stored some time ago."""
        counts = {"predictions": 0, "corrections": 0, "offline_features": 0}
        self.writes(insert(tables.batch).values(created_at=datetime.now(UTC) - ago, **counts))


@pytest.fixture
def world(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sqlite_template: Path) -> Iterator[World]:
    data = tmp_path / "data"
    data.mkdir()
    shutil.copy(sqlite_template, data / "watchkeeper.sqlite3")
    monkeypatch.setenv("WATCHKEEPER_ALLOW_PRIVATE_TARGETS", "1")
    engine = engine_for(URL.create("sqlite", database=str(data / "watchkeeper.sqlite3")))
    with http_receiver() as outside:
        yield World(run, monkeypatch, tmp_path, engine, outside)
    engine.dispose()


def a_folder_that_is_a_file(world: World) -> None:
    (world.folder / "file").write_text("")
    url = f"sqlite:///{world.folder}/data/watchkeeper.sqlite3"
    world.sets(WATCHKEEPER_DATABASE_URL=url, WATCHKEEPER_DATA_DIR=str(world.folder / "file" / "data"))


def another_folder(world: World) -> None:
    world.sets(WATCHKEEPER_DATA_DIR=str(world.folder / "data"))


def a_server_that_is_not_there(world: World) -> None:
    url = f"postgresql+psycopg://nobody@127.0.0.1:{closed_port()}/nothing?connect_timeout=5"
    world.sets(WATCHKEEPER_DATABASE_URL=url)


def an_old_schema(world: World) -> None:
    world.run("db", "downgrade", "-1", "--yes")


def a_newer_schema(world: World) -> None:
    world.writes(text("UPDATE alembic_version SET version_num = '9999'"))


def its_program_takes_it_back(world: World) -> None:
    world.writes(text(f"UPDATE alembic_version SET version_num = '{head()}'"))


def a_model_that_is_served(world: World) -> None:
    world.run("model", "add", "fraud", "--task", "binary")
    world.run("version", "add", "fraud", "1")
    file = world.folder / "served.csv"
    file.write_text("id,at,x,score\n" + "".join(f"p{n},2026-03-01T10:00:00Z,{n},0.{n}\n" for n in range(1, 10)))
    columns = ("--id-column", "id", "--timestamp-column", "at", "--score-column", "score")
    world.run("import", "predictions", str(file), "--model", "fraud", "--version", "1", *columns)


def a_reference(world: World) -> None:
    file = world.folder / "training.csv"
    file.write_text("x,score,label\n" + "".join(f"{n},0.{n},{n % 2}\n" for n in range(1, 10)))
    columns = ("--score-column", "score", "--label-column", "label", "--out-of-sample")
    world.run("import", "reference", str(file), "--model", "fraud", "--version", "1", *columns)


def damaged_profiles(world: World) -> None:
    a_model_that_is_served(world)
    world.run("run")
    # What went well within the last two minutes may be a hiccup.
    world.writes(update(tables.job_run).values(finished_at=datetime.now(UTC) - HOUR))
    world.writes(update(tables.profile).values(outcomes=b"damaged", revision=tables.profile.c.revision + 1))
    world.run("run", code=1)


def a_damaged_reference(world: World) -> None:
    a_model_that_is_served(world)
    a_reference(world)
    world.writes(update(tables.reference).values(layout="damaged"))
    world.writes(update(tables.version).values(stage="retired"))  # it is counted, but not judged
    world.run("run", code=1)


def the_reference_again(world: World) -> None:
    a_reference(world)
    world.run("run")


def a_rebuild(world: World) -> None:
    world.run("rebuild")
    world.run("run")


def a_worker_that_was_killed(world: World) -> None:
    began = datetime.now(UTC) - HOUR
    run = {"job": "evaluate", "slot": began, "worker": "gone:1", "started_at": began, "outcome": "running"}
    world.writes(insert(tables.job_run).values(**run))


def work_once(world: World) -> None:
    world.run("run")


def a_revoked_webhook(world: World) -> None:
    world.outside.reply = lambda _: Reply(404, b"no_service")
    world.sets(HOOK=world.outside.url("/T0/secret"), WATCHKEEPER_PUBLIC_URL="nonsense")  # of which people are told
    world.run("channel", "add", "ops", "--kind", "slack", "--set", "url=env:HOOK")
    world.run("run")


def a_new_webhook(world: World) -> None:
    world.outside.reply = lambda _: Reply()
    world.sets(NEW_HOOK=world.outside.url("/T0/new"))
    world.run("channel", "set", "ops", "--set", "url=env:NEW_HOOK")
    world.run("channel", "test", "ops")
    world.run("channel", "retry", "ops")
    world.run("run")


def a_secret_that_is_not_set(world: World) -> None:
    world.run("channel", "add", "ops", "--kind", "slack", "--set", "url=env:HOOK")


def a_client_that_drops(world: World) -> None:
    now = datetime.now(UTC)
    report = ClientReport("c1", "web-1", now, 100, 100, None, 90, 0, {"queue_full": 10})
    take_report(world.engine, report, now)


def an_hour_without_drops(world: World) -> None:
    now = datetime.now(UTC)
    world.writes(update(tables.client_report).values(dropped_at=now - HOUR - timedelta(minutes=1)))
    report = ClientReport("c1", "web-1", now, 900, 900, None, 890, 0, {"queue_full": 10})
    take_report(world.engine, report, now)


def a_heartbeat_nobody_knows(world: World) -> None:
    world.outside.reply = lambda _: Reply(404)
    world.sets(WATCHKEEPER_HEARTBEAT_URL=world.outside.url("/wrong"))
    world.run("run", code=1)


def a_heartbeat_that_arrives(world: World) -> None:
    world.outside.reply = lambda _: Reply()
    world.run("run")


def another_database(world: World) -> None:
    shutil.copy(world.folder / "data" / "watchkeeper.sqlite3", world.folder / "other.sqlite3")
    world.sets(WATCHKEEPER_DATABASE_URL=f"sqlite:///{world.folder}/other.sqlite3")


Step = Callable[[World], object]

SET_UPS: list[tuple[str, Step, str, str, str, Step]] = [
    # what is broken and how; then what is said of it: subject, level, words of mend; and what is then done
    ("data folder", a_folder_that_is_a_file, "data_folder", "bad", "WATCHKEEPER_DATA_DIR", another_folder),
    (
        "database away",
        a_server_that_is_not_there,
        *("database", "bad", "WATCHKEEPER_DATABASE_URL"),
        lambda world: world.unsets("WATCHKEEPER_DATABASE_URL"),
    ),
    (
        "schema behind",
        an_old_schema,
        *("database", "bad", "watchkeeper db upgrade"),
        lambda world: world.run("db", "upgrade"),
    ),
    (
        "schema ahead",
        a_newer_schema,
        "database",
        "bad",
        f"watchkeeper db downgrade {head()}",
        its_program_takes_it_back,
    ),
    ("no worker", lambda world: world.receives(HOUR), "worker", "bad", "watchkeeper work", work_once),
    ("batches pile up", lambda world: world.receives(HOUR), "backlog", "bad", "watchkeeper run", work_once),
    ("job that fails", damaged_profiles, "jobs", "bad", "watchkeeper rebuild", a_rebuild),
    ("version that cannot be counted", a_damaged_reference, "jobs", "bad", "store it again", the_reference_again),
    ("worker killed", a_worker_that_was_killed, "jobs", "bad", "watchkeeper work", work_once),
    ("dead channel", a_revoked_webhook, "deliveries", "bad", "watchkeeper channel retry 'ops'", a_new_webhook),
    (
        "secret not set",
        a_secret_that_is_not_set,
        *("secrets", "bad", "environment of the worker"),
        lambda world: world.sets(HOOK="https://hooks.example/T0/secret"),
    ),
    (
        "clock ahead",
        lambda world: world.receives(-HOUR),
        *("clock", "bad", "timedatectl set-ntp true"),
        lambda world: world.receives(timedelta(0)),
    ),
    (
        "open to the world without a key",
        lambda world: world.sets(WATCHKEEPER_HOST="0.0.0.0"),
        *("keys", "bad", "watchkeeper key create"),
        lambda world: world.run("key", "create", "svc"),
    ),
    (
        "wrong address in messages",
        lambda world: world.sets(WATCHKEEPER_PUBLIC_URL="watch.example.org"),
        *("public_url", "bad", "WATCHKEEPER_PUBLIC_URL"),
        lambda world: world.sets(WATCHKEEPER_PUBLIC_URL="https://watch.example.org"),
    ),
    ("no reference", a_model_that_is_served, "references", "note", "watchkeeper import reference", a_reference),
    ("client that drops", a_client_that_drops, "clients", "bad", "raise max_records", an_hour_without_drops),
    ("heartbeat lost", a_heartbeat_nobody_knows, "heartbeat", "bad", "HEARTBEAT_URL", a_heartbeat_that_arrives),
    (
        "two databases",
        another_database,
        *("second_database", "note", "move the file away"),
        lambda world: (world.folder / "data" / "watchkeeper.sqlite3").unlink(),
    ),
]


def looked_at(world: World, subject: str, code: int | None = None) -> list[dict[str, Any]]:
    said = world.run("doctor", "--json", code=code)
    return [one for one in json.loads(said.stdout) if one["subject"] == subject]


@pytest.mark.parametrize(
    ("break_it", "subject", "level", "mend", "mend_it"), [row[1:] for row in SET_UPS], ids=[row[0] for row in SET_UPS]
)
def test_what_is_broken_is_found_and_what_it_says_mends_it(
    world: World, break_it: Step, subject: str, level: str, mend: str, mend_it: Step
) -> None:
    break_it(world)
    (found,) = looked_at(world, subject, 1 if level == "bad" else 0)
    assert found["level"] == level
    assert mend in found["mend"]
    assert found["why"]
    mend_it(world)
    assert {one["level"] for one in looked_at(world, subject)} <= ({"ok", "note"} if level == "bad" else {"ok"})


def test_settings_that_contradict_each_other_are_named(world: World) -> None:
    world.sets(WATCHKEEPER_DATABASE_PASSWORD="a", WATCHKEEPER_DATABASE_PASSWORD_FILE="b")
    (found,) = looked_at(world, "settings", 1)
    assert "both WATCHKEEPER_DATABASE_PASSWORD and WATCHKEEPER_DATABASE_PASSWORD_FILE are set" in found["what"]
    world.unsets("WATCHKEEPER_DATABASE_PASSWORD_FILE")
    assert looked_at(world, "settings") == []


def test_people_read_what_is_wrong_why_it_matters_and_how_to_mend_it(world: World) -> None:
    world.receives(HOUR)
    lines = world.run("doctor", code=1).output.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("bad   worker: no worker runs"))
    assert lines[at + 1].startswith("      why: nothing is counted")
    assert lines[at + 2].startswith("      mend: start `watchkeeper work`")


def test_a_health_check_asks_for_some_subjects_only(world: World) -> None:
    world.sets(WATCHKEEPER_PUBLIC_URL="nonsense")
    world.run("doctor", code=1)
    said = json.loads(world.run("doctor", "--json", "--only", "database", "--only", "jobs").stdout)
    assert [one["subject"] for one in said] == ["database", "jobs"]
    world.receives(HOUR)
    world.run("doctor", "--only", "jobs")
    world.run("doctor", "--only", "worker", code=1)
    assert (
        "'disk' is no subject; known are data_folder, database" in world.run("doctor", "--only", "disk", code=2).output
    )
