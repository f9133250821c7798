"""Real databases for every storage test: SQLite always, PostgreSQL where one answers (in CI it must)."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from app.storage import migrate
from app.storage.engine import engine_for

POSTGRES = make_url(
    os.environ.get("WATCHKEEPER_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With several processes (`make test`) a file's tests stay in one of them, and so do all that look at one demo."""
    for item in items:
        is_of_the_demo = "demo" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("demo" if is_of_the_demo else str(item.path)))


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
    name = _create(postgres_admin)
    engine = engine_for(POSTGRES.set(database=name))
    migrate.upgrade(engine)
    engine.dispose()
    yield name
    _drop(postgres_admin, name)


def _create(admin: Engine, template: str = "template1") -> str:
    name = f"watchkeeper_test_{uuid.uuid4().hex[:12]}"
    with admin.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
    return name


def _drop(admin: Engine, name: str) -> None:
    with admin.connect() as connection:
        connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> URL:
    """A fresh, migrated SQLite database."""
    path = tmp_path / "watchkeeper.sqlite3"
    shutil.copy(sqlite_template, path)
    return URL.create("sqlite", database=str(path))


@pytest.fixture
def postgres_url(postgres_admin: Engine, postgres_template: str) -> Iterator[URL]:
    """A fresh, migrated PostgreSQL database."""
    name = _create(postgres_admin, postgres_template)
    yield POSTGRES.set(database=name)
    _drop(postgres_admin, name)


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
