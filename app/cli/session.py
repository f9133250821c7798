"""What every command begins with: the settings, and a database that is ready."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import click
from sqlalchemy import Engine
from sqlalchemy.exc import DatabaseError, OperationalError

from app.settings import Settings


def settings() -> Settings:
    """The settings of this process's environment."""
    return Settings.from_environment(os.environ)


def log_to_stderr() -> None:
    """What long-lived processes log, with the time and the part that says it."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)  # asking for the schema's revision is no news


def now() -> datetime:
    """The present, with its zone."""
    return datetime.now(UTC)


@contextmanager
def database() -> Iterator[Engine]:
    """The settings' database at the newest schema; an empty SQLite one is set up on the way.

    Raises click.ClickException, naming the command that mends it, when it cannot be reached or its schema is old.
    """
    engine = connect(settings())
    try:
        with database_problems():
            yield engine
    finally:
        engine.dispose()


@contextmanager
def schema() -> Iterator[Engine]:
    """The settings' database, whatever its schema.

    Raises click.ClickException when it cannot be used, or there is no such schema to bring it to.
    """
    from alembic.util import CommandError

    from app.storage.engine import open_engine

    engine = open_engine(settings())
    try:
        with database_problems(DatabaseError):
            yield engine
    except CommandError as error:
        raise click.ClickException(f"the schema stays as it is: {error}") from error
    finally:
        engine.dispose()


def connect(chosen: Settings) -> Engine:
    """An engine whose database is at the newest schema. Raises click.ClickException as `database` does."""
    from app.storage import migrate
    from app.storage.engine import open_engine

    engine = open_engine(chosen)
    with database_problems(DatabaseError):
        revision = migrate.current(engine)
        if revision is None and engine.dialect.name == "sqlite":
            migrate.upgrade(engine)
        elif revision != migrate.head():
            state = "is empty" if revision is None else f"has schema {revision}, this program needs {migrate.head()}"
            raise click.ClickException(
                f"the database {engine.url.render_as_string()} {state}; run `watchkeeper db upgrade`"
            )
    return engine


@contextmanager
def database_problems(kind: type[DatabaseError] = OperationalError) -> Iterator[None]:
    """What the database cannot do is said in a line."""
    try:
        yield
    except kind as error:
        said = f"the database cannot be used: {str(error.orig).strip()}; `watchkeeper doctor` says more"
        raise click.ClickException(said) from error
