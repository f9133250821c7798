"""Engines for SQLite and PostgreSQL, and the two ways to use one: `read` and `write`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection

from app.settings import Settings

BUSY_TIMEOUT_SECONDS = 30
MIGRATION_SECONDS = 1
"""How long the longest migration may hold the write lock of SQLite before another one that waits for it gives up."""


def _embedded(settings: Settings) -> Path:
    return settings.data_dir / "watchkeeper.sqlite3"


def unused_sqlite(settings: Settings) -> str:
    """The path of a SQLite database in the data folder while the settings name another one; empty without any."""
    path = _embedded(settings)
    return str(path) if path.exists() and database_url(settings).database != str(path) else ""


def database_url(settings: Settings) -> URL:
    """The database the settings name; without one, SQLite in the data folder."""
    if not settings.database_url:
        return URL.create("sqlite", database=str(_embedded(settings)))
    url = make_url(settings.database_url)
    if url.get_backend_name() == "postgresql" and url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    return url.set(password=settings.database_password) if settings.database_password else url


def open_engine(settings: Settings) -> Engine:
    """An engine for the settings' database; the data folder is made when it is missing."""
    url = database_url(settings)
    if url.get_backend_name() == "sqlite" and url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    return engine_for(url)


def engine_for(url: URL | str) -> Engine:
    """An engine for a URL. SQLite: WAL, synchronous=FULL, foreign keys, explicit transactions."""
    return _engine(make_url(url), BUSY_TIMEOUT_SECONDS, ("foreign_keys=ON", "temp_store=MEMORY"))


def migrating_engine(url: URL) -> Engine:
    """An engine to change the schema with. On SQLite it waits for another writer no longer than a moment.

    It enforces no foreign keys there: Alembic rebuilds a table by dropping the old one, and an ON DELETE CASCADE would
    take all its children along. Within a transaction that cannot be switched any more. And it sorts the rows of an
    index on disk, for the memory may be too small for them.
    """
    return _engine(url, MIGRATION_SECONDS, ("foreign_keys=OFF", "temp_store=FILE"))


def _engine(url: URL, patience: int, pragmas: Sequence[str]) -> Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": patience, "check_same_thread": False})
    event.listen(engine, "connect", lambda connection, _entry: _prepare_sqlite(connection, pragmas))
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, pragmas: Sequence[str]) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, see _begin_sqlite
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-65536", *pragmas):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that starts reading and then writes can fail with "database is locked" without waiting;
    # one that says so at its beginning waits for its turn.
    writes = connection.get_execution_options().get("watchkeeper_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def read(engine: Engine) -> Iterator[Connection]:
    """A transaction that only reads."""
    with engine.connect() as connection:
        yield connection


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A transaction that only reads, and sees the same state of the database in all its statements."""
    level = {} if engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}  # SQLite knows no other
    with engine.connect().execution_options(**level) as connection:
        yield connection


@contextmanager
def write(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes: committed at the end, rolled back on any error."""
    with engine.connect().execution_options(watchkeeper_write=True) as connection, connection.begin():
        yield connection
