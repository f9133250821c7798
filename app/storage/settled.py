"""Up to which id a table will not gain rows any more: what is read up to there today is the same tomorrow."""

from __future__ import annotations

import time

from sqlalchemy import Connection, Engine, Table, func, select, text

from app.core.errors import WatchkeeperError
from app.storage.engine import read

LONGEST_WAIT = 30.0
"""Seconds. The collector's transactions take a fraction of one, those of an import a few."""
PAUSE = 0.02


def newest_settled(engine: Engine, table: Table) -> int:
    """The newest stored id below which nobody is still storing anything; 0 for an empty table. Nobody is held up.

    PostgreSQL hands ids out before their rows can be seen, so whoever writes to the table at the moment is waited for.
    Raises WatchkeeperError when that takes longer than LONGEST_WAIT.
    """
    with read(engine) as connection:
        newest = connection.scalar(select(func.max(table.c.id))) or 0
    if engine.dialect.name == "sqlite":
        return newest  # one writer at a time, and ids in the order of the commits
    with read(engine) as connection:
        waiting = _writers(connection, table)
    deadline = time.monotonic() + LONGEST_WAIT
    while waiting:
        if time.monotonic() > deadline:
            raise WatchkeeperError(f"somebody has been writing to {table.name} for {LONGEST_WAIT:g} s; try again later")
        time.sleep(PAUSE)
        with read(engine) as connection:
            waiting &= _writers(connection, table)
    return newest


def _writers(connection: Connection, table: Table) -> set[str]:
    """The transactions that write to the table: whoever has an id of it has held the lock since before that."""
    query = """
        SELECT virtualtransaction FROM pg_locks
        WHERE relation = CAST(:name AS regclass) AND mode = 'RowExclusiveLock'
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    """
    return set(connection.scalars(text(query), {"name": table.name}))
