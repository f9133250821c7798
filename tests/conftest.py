"""Real databases for every storage test: SQLite always, PostgreSQL where one answers (in CI it must)."""

from __future__ import annotations

import gc
import multiprocessing
import os
import shutil
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
from sqlalchemy import URL, Connection, Engine, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from app.storage import migrate
from app.storage.engine import engine_for

POSTGRES = make_url(
    os.environ.get("WATCHKEEPER_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
)

FORKED = [
    "tests.e2e.test_kill_collector",
    "tests.e2e.test_kill_counting",
    "tests.services.crashing",
    "tests.migrations.interrupted",
]
"""What runs in processes that tests fork."""


LONGEST = (
    "demo",
    "tests/e2e/test_every_page.py",
    "tests/e2e/",
    "tests/migrations/",
    "tests/services/test_uploads.py",
    "tests/services/test_rollup.py",
    "tests/services/test_alert_crashes.py",
    "tests/conformance/",
    "tests/demo/",
    "tests/reports/",
    "tests/jobs/",
)
"""How the names of those groups begin that take longest: they come first, lest one processor be idle at the end."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With several processes (`make test`) a file's tests stay in one of them, and so do all that look at one demo."""
    groups = {item: _group(item) for item in items}
    for item, group in groups.items():
        item.add_marker(pytest.mark.xdist_group(group))
    sizes = Counter(groups.values())
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: (_turn(groups[item]), -sizes[groups[item]]))


def pytest_collection_finish(session: pytest.Session) -> None:
    """What was imported and collected stays until the end: the garbage collector need not look through it again."""
    gc.collect()
    gc.freeze()


def _group(item: pytest.Item) -> str:
    named = item.get_closest_marker("xdist_group")
    if named is not None:
        return str(named.args[0])
    return "demo" if "demo" in getattr(item, "fixturenames", ()) else item.nodeid.partition("::")[0]


def _turn(group: str) -> int:
    return next((turn for turn, start in enumerate(LONGEST) if group.startswith(start)), len(LONGEST))


@pytest.fixture(scope="session")
def forks() -> ForkServerContext:
    """Starts processes in milliseconds, from one that has imported everything and opened nothing.

    Python has one such process for all: what one test alone names would be imported in every fork of the others.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(FORKED)
    return context


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite database to copy from."""
    path = tmp_path_factory.mktemp("template") / "watchkeeper.sqlite3"
    engine = engine_for(URL.create("sqlite", database=str(path)))
    migrate.upgrade(engine)
    engine.dispose()
    return path


@pytest.fixture(scope="session")
def postgres_admin() -> Iterator[Engine]:
    """A connection that may create databases."""
    engine = create_engine(POSTGRES, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 5})
    try:
        engine.connect().close()
    except OperationalError as error:
        if os.environ.get("CI"):
            pytest.fail(f"CI needs PostgreSQL at {POSTGRES!r}: {error}")
        pytest.skip(
            f"no PostgreSQL at {POSTGRES!r}; set WATCHKEEPER_TEST_POSTGRES to one where databases may be created"
        )
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def postgres_template(postgres_admin: Engine) -> Iterator[str]:
    """The name of a migrated, empty PostgreSQL database to copy from."""
    with postgres_copy(postgres_admin, "template1") as url:
        engine = engine_for(url)
        migrate.upgrade(engine)
        engine.dispose()
        yield str(url.database)


@contextmanager
def postgres_copy(admin: Engine, template: str) -> Iterator[URL]:
    """A copy of a PostgreSQL database that nobody is connected to; in the end it is dropped."""
    name = _create(admin, template)
    try:
        yield POSTGRES.set(database=name)
    finally:
        _drop(admin, name)


def _create(admin: Engine, template: str) -> str:
    name = f"watchkeeper_test_{uuid.uuid4().hex[:12]}"
    with admin.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
    return name


def _drop(admin: Engine, name: str) -> None:
    with admin.connect() as connection:
        _wait_until_left(connection, name)
        connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


def _wait_until_left(connection: Connection, name: str) -> None:
    """A connection that was closed ends a moment later; PostgreSQL itself would look again after 100 ms only."""
    users = text("SELECT count(*) FROM pg_stat_activity WHERE datname = :name")
    for _ in range(20):
        if not connection.scalar(users, {"name": name}):
            return
        time.sleep(0.002)


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> URL:
    """A fresh, migrated SQLite database."""
    path = tmp_path / "watchkeeper.sqlite3"
    shutil.copy(sqlite_template, path)
    return URL.create("sqlite", database=str(path))


@pytest.fixture
def postgres_url(postgres_admin: Engine, postgres_template: str) -> Iterator[URL]:
    """A fresh, migrated PostgreSQL database."""
    with postgres_copy(postgres_admin, postgres_template) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> URL:
    """A fresh, migrated database; the test runs once on each kind."""
    url: URL = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@pytest.fixture
def engine(database_url: URL) -> Iterator[Engine]:
    """An engine on a fresh, migrated database; the test runs once on each kind."""
    engine = engine_for(database_url)
    yield engine
    engine.dispose()
