"""An upgrade that does not come to its end, and what is in a database before and after it."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from time import sleep
from typing import Any, cast

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Engine,
    LargeBinary,
    MetaData,
    String,
    event,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.engine.interfaces import ReflectedIndex

from app.storage import migrate
from app.storage.engine import engine_for, read, write

_AT = datetime(2026, 3, 1, tzinfo=UTC)
_WORDS = {"task": "binary", "window": "day"}
CHANGES = ("CREATE", "DROP", "ALTER", "INSERT", "UPDATE", "DELETE")


class EndedEarlyError(Exception):
    """What ends an upgrade that is not killed."""


@contextmanager
def interrupted(at: int, *, killed: bool = False) -> Iterator[None]:
    """Whatever changes a database ends behind its statement number `at`, the first being 0."""
    left = [at]

    def end(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.lstrip().startswith(CHANGES):
            return
        left[0] -= 1
        if left[0] >= 0:
            return
        if killed:
            os.kill(os.getpid(), signal.SIGKILL)
        raise EndedEarlyError

    event.listen(Engine, "after_cursor_execute", end)
    try:
        yield
    finally:
        event.remove(Engine, "after_cursor_execute", end)


def upgrade_until_killed(url: str, revision: str, at: int) -> None:
    """In a process of its own: upgrade, and be killed behind that statement."""
    with interrupted(at, killed=True):
        migrate.upgrade(engine_for(url), revision)


def upgrade(url: str) -> None:
    """In a process of its own: upgrade to the newest schema."""
    migrate.upgrade(engine_for(url))


def building(engine: Engine) -> int:
    """Another session of PostgreSQL, once it waits for the end of what was begun before it built an index."""
    query = text(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' "
        "AND query LIKE 'CREATE %INDEX CONCURRENTLY %'"
    )
    for _ in range(300):
        with engine.connect() as connection:
            if session := connection.scalar(query):
                return int(session)
        sleep(0.1)
    raise AssertionError("no index is built concurrently")


def fill(engine: Engine) -> None:
    """Put a row into each table that is empty."""
    tables = MetaData()
    tables.reflect(engine)
    with write(engine) as connection:
        for table in tables.sorted_tables:
            if connection.execute(select(table).limit(1)).first() is None:
                connection.execute(insert(table).values({column.name: _value(column) for column in table.columns}))


def _value(column: Column[Any]) -> Any:
    """A value of the column's type; ids and what names them are 1."""
    if isinstance(column.type, JSON):
        return {"thread": "t", "url": "https://ci.example.org", "secret": "env:S"}
    if isinstance(column.type, String):
        return _WORDS.get(column.name, column.name)[: column.type.length or 100]
    if isinstance(column.type, DateTime):
        return _AT
    return b"1" if isinstance(column.type, LargeBinary) else 1


def dump(engine: Engine) -> list[str]:
    """All that is in a SQLite database, as statements that would make it."""
    with engine.connect() as connection:
        return list(cast(sqlite3.Connection, connection.connection.driver_connection).iterdump())


def contents(engine: Engine) -> dict[str, Any]:
    """Every table with its columns, keys, indexes and rows, and the revision."""
    tables, found = MetaData(), inspect(engine)
    tables.reflect(engine)
    with read(engine) as connection:
        return {
            name: (
                {column.name: (str(column.type), column.nullable) for column in table.columns},
                sorted(_index(one) for one in found.get_indexes(name)),
                sorted(map(str, found.get_unique_constraints(name))),
                sorted(map(str, found.get_foreign_keys(name))),
                [_settled(dict(row)) for row in connection.execute(select(table)).mappings()],
            )
            for name, table in tables.tables.items()
        }


def _settled(row: dict[str, Any]) -> dict[str, Any]:
    """The row without the times that are those of the upgrade."""
    return {
        name: "now" if isinstance(value, datetime) and value.replace(tzinfo=UTC) > _AT else value
        for name, value in row.items()
    }


def _index(found: ReflectedIndex) -> str:
    rows = {dialect: str(where) for dialect, where in found.get("dialect_options", {}).items()}
    return str({**found, "dialect_options": rows})
