"""Group commit: who waits is committed together, and each learns its own fate."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import TypeAlias

import pytest
from sqlalchemy import URL, Engine, func, select, text

from app.core.model import Model, Task, Version
from app.services.catalogue import register_model, register_version
from app.services.commit import MOST_RECORDS, Committer, NotStoredError, QueueFullError, StoppedError
from app.storage import tables
from app.storage.engine import engine_for, read, write
from app.storage.ingest import Inserted, PredictionRow, Rows

Start: TypeAlias = Callable[[Committer], Committer]
NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)


@pytest.fixture
def version(engine: Engine) -> Version:
    register_model(engine, Model("fraud", Task.BINARY), NOW)
    return register_version(engine, "fraud", Version(0, "1"), NOW)


@pytest.fixture
def started() -> Iterator[Start]:
    """Starts committers, and closes them when the test is over."""
    running: list[Committer] = []

    def start(committer: Committer) -> Committer:
        running.append(committer)
        committer.start()
        return committer

    yield start
    for committer in running:
        committer.close()


def rows(version: Version, *keys: str, version_id: int | None = None) -> Rows:
    return Rows([row(version_id or version.id, key) for key in keys])


def row(version_id: int, key: str) -> PredictionRow:
    return (version_id, key, NOW, "{}", "1", None, 0.5, None, None, None, None, None)


def count(engine: Engine) -> int:
    with read(engine) as connection:
        return connection.scalar(select(func.count()).select_from(tables.prediction)) or 0


class Held:
    """The committer's turn in the database, held by somebody else so that senders pile up."""

    def __init__(self, engine: Engine) -> None:
        self._holding = write(engine)

    def __enter__(self) -> None:
        connection = self._holding.__enter__()
        if connection.dialect.name != "sqlite":
            connection.execute(text("LOCK TABLE batch IN EXCLUSIVE MODE"))

    def __exit__(self, *_error: object) -> None:
        self._holding.__exit__(None, None, None)


def test_a_future_is_done_only_after_the_commit(engine: Engine, version: Version, started: Start) -> None:
    committer = started(Committer(engine, capacity=10))

    with Held(engine):
        done = committer.submit(rows(version, "a"))
        with pytest.raises(TimeoutError):
            done.result(0.2)

    assert done.result(10) == Inserted(1, 0)
    assert count(engine) == 1


def test_senders_who_wait_are_committed_together_and_counted_apart(
    engine: Engine, version: Version, started: Start
) -> None:
    sizes: list[int] = []
    committer = started(Committer(engine, capacity=100, committed=lambda records, _seconds: sizes.append(records)))

    with Held(engine):
        first = committer.submit(rows(version, "a"))
        while committer.waiting:
            threading.Event().wait(0.001)
        others = [committer.submit(rows(version, *keys)) for keys in ("ab", "bcc", "d")]

    assert first.result(10) == Inserted(1, 0)
    assert [done.result(10) for done in others] == [Inserted(1, 0), Inserted(1, 0), Inserted(1, 0)]
    committer.close()
    assert sizes == [1, 6]
    assert count(engine) == 4


def test_a_full_queue_says_so_and_takes_rows_again_later(engine: Engine, version: Version, started: Start) -> None:
    committer = started(Committer(engine, capacity=3))

    with Held(engine):
        first = committer.submit(rows(version, "first"))
        while committer.waiting:
            threading.Event().wait(0.001)
        second = committer.submit(rows(version, "a", "b", "c"))
        with pytest.raises(QueueFullError, match="3 records wait"):
            committer.submit(rows(version, "d"))

    assert [done.result(10).total for done in (first, second)] == [1, 3]
    assert committer.submit(rows(version, "d")).result(10).total == 1


def test_who_brings_few_large_records_to_a_full_queue_is_told_so_too(
    engine: Engine, version: Version, started: Start
) -> None:
    committer = started(Committer(engine, capacity=100, capacity_bytes=2 << 20))
    with Held(engine):
        first = committer.submit(rows(version, "first"))
        while committer.waiting:
            threading.Event().wait(0.001)
        second = committer.submit(rows(version, "a"), 1 << 20)
        with pytest.raises(QueueFullError, match="1 MiB of records wait to be stored, and at most 2 may"):
            committer.submit(rows(version, "b"), 3 << 19)
        third = committer.submit(rows(version, "c"), 1 << 20)
    assert [one.result(10).total for one in (first, second, third)] == [1, 1, 1]
    assert (committer.waiting, committer.waiting_bytes) == (0, 0)


def test_a_sender_larger_than_the_queue_is_let_in_alone(engine: Engine, version: Version, started: Start) -> None:
    committer = started(Committer(engine, capacity=3))

    assert committer.submit(rows(version, *"abcdef")).result(10).total == 6


def test_a_sender_larger_than_a_transaction_is_one_transaction(
    engine: Engine, version: Version, started: Start
) -> None:
    sizes: list[int] = []
    committer = started(Committer(engine, capacity=1, committed=lambda records, _seconds: sizes.append(records)))

    assert committer.submit(rows(version, *map(str, range(MOST_RECORDS + 1)))).result(30).total == MOST_RECORDS + 1
    committer.close()
    assert sizes == [MOST_RECORDS + 1]


def test_rows_that_the_database_refuses_cost_their_sender_only(
    engine: Engine, version: Version, started: Start
) -> None:
    committer = started(Committer(engine, capacity=100))

    with Held(engine):
        first = committer.submit(rows(version, "first"))
        good = committer.submit(rows(version, "a", "b"))
        bad = committer.submit(rows(version, "c", version_id=version.id + 1))
        late = committer.submit(rows(version, "d"))

    assert [done.result(10).total for done in (first, good, late)] == [1, 2, 1]
    with pytest.raises(NotStoredError, match="refuses"):
        bad.result(10)
    assert count(engine) == 4


def test_a_failing_database_fails_its_senders_and_no_others(engine: Engine, version: Version, started: Start) -> None:
    committer = started(Committer(engine, capacity=100))
    with write(engine) as connection:
        connection.execute(text("ALTER TABLE batch RENAME TO elsewhere"))

    with pytest.raises(NotStoredError, match="did not take"):
        committer.submit(rows(version, "a")).result(10)

    with write(engine) as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO batch"))
    assert committer.submit(rows(version, "b")).result(10).total == 1
    assert committer.alive


def test_a_lost_connection_is_made_up_for(postgres_url: URL, started: Start) -> None:
    engine = engine_for(postgres_url)
    register_model(engine, Model("fraud", Task.BINARY), NOW)
    version = register_version(engine, "fraud", Version(0, "1"), NOW)
    committer = started(Committer(engine, capacity=100))

    with Held(engine):
        done = committer.submit(rows(version, "a"))
        while committer.waiting:
            threading.Event().wait(0.001)
        _kill_those_who_wait(engine)

    assert done.result(10).total == 1
    committer.close()
    engine.dispose()


def _kill_those_who_wait(engine: Engine) -> None:
    """End the session of the committer, which waits for the lock."""
    query = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid() AND wait_event_type = 'Lock'"
    )
    with read(engine) as connection:
        while not connection.execute(query).all():
            threading.Event().wait(0.01)
            connection.rollback()


def test_closing_commits_what_waits_and_refuses_what_comes(engine: Engine, version: Version) -> None:
    committer = Committer(engine, capacity=100)
    committer.start()
    waiting: list[Future[Inserted]] = []

    with Held(engine):
        waiting += [committer.submit(rows(version, key)) for key in "abc"]
        closing = threading.Thread(target=committer.close)
        closing.start()
        while committer._open:
            threading.Event().wait(0.001)
        with pytest.raises(StoppedError):
            committer.submit(rows(version, "late"))
    closing.join(10)

    assert [done.result(0).total for done in waiting] == [1, 1, 1]
    assert not committer.alive
    assert count(engine) == 3
