"""Statements that are given up after some time, by the database itself: a search must not hold it up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from app.core.errors import WatchkeeperError
from app.storage.engine import snapshot

_STEPS_BETWEEN_LOOKS = 20_000
"""Of SQLite's virtual machine, between two looks at the clock: a few hundred microseconds."""
_QUERY_CANCELED = "57014"


class TimeIsUpError(WatchkeeperError):
    """The statements took longer than they may."""


class Limited:
    """A connection whose statements together may take so long."""

    def __init__(self, connection: Connection, seconds: float) -> None:
        self._connection, self._deadline = connection, time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds."""
        return self._deadline - time.monotonic()

    def execute(self, statement: Any) -> Any:
        """The statement's rows, all of them fetched. Raises TimeIsUpError."""
        if self.left <= 0:
            raise TimeIsUpError("the search took too long")
        if self._connection.dialect.name == "postgresql":
            limit = max(1, int(self.left * 1000))
            self._connection.execute(text(f"SET LOCAL statement_timeout = {limit:d}"))
        try:
            return self._connection.execute(statement).all()
        except DBAPIError as error:
            if _was_stopped(error):
                raise TimeIsUpError("the search took too long") from error
            raise

    @property
    def connection(self) -> Connection:
        """For what takes no time worth limiting."""
        return self._connection


@contextmanager
def limited(engine: Engine, seconds: float) -> Iterator[Limited]:
    """A transaction that only reads one state of the database, for at most so many seconds."""
    with snapshot(engine) as connection:
        one = Limited(connection, seconds)
        if connection.dialect.name != "sqlite":
            yield one
            return
        driver = cast(Any, connection.connection.driver_connection)
        driver.set_progress_handler(lambda: one.left <= 0, _STEPS_BETWEEN_LOOKS)
        try:
            yield one
        finally:
            driver.set_progress_handler(None, 0)


def _was_stopped(error: DBAPIError) -> bool:
    original: Any = error.orig
    return getattr(original, "sqlstate", None) == _QUERY_CANCELED or "interrupted" in str(original)
