"""The lease: of all workers on one database, one at a time holds it and does the work."""

from __future__ import annotations

import fcntl
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import IO

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

LEADER, FOLD = "leader", "fold"


def _key(name: str) -> int:
    return int.from_bytes(blake2b(f"watchkeeper:{name}".encode(), digest_size=7).digest())


def is_held(connection: Connection, name: str = LEADER) -> bool:
    """Whether anybody, this process included, holds the lease now."""
    if connection.dialect.name == "sqlite":
        return _file_is_locked(Path(f"{connection.engine.url.database}.{name}"))
    key = _key(name)
    query = text(
        "SELECT EXISTS (SELECT 1 FROM pg_locks "
        "JOIN pg_database known ON known.oid = pg_locks.database AND known.datname = current_database() "
        "WHERE locktype = 'advisory' AND objsubid = 1 AND granted AND classid = :high AND objid = :low)"
    )
    return bool(connection.scalar(query, {"high": key >> 32, "low": key & 0xFFFFFFFF}))


def _file_is_locked(path: Path) -> bool:
    try:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


class Lease:
    """Held by at most one process: a PostgreSQL session lock, or a file lock beside a SQLite database.

    Either is given back by the operating system or the server when its holder dies, so nothing ever expires wrongly.
    """

    def __init__(self, engine: Engine, name: str = LEADER) -> None:
        self._engine = engine
        self._name = name
        self._connection: Connection | None = None
        self._file: IO[str] | None = None

    @property
    def _key(self) -> int:
        return _key(self._name)

    def acquire(self) -> bool:
        """Try to take it, or check that it is still held. Never waits."""
        return self._lock_file() if self._engine.dialect.name == "sqlite" else self._lock_session()

    def release(self) -> None:
        """Give it back; harmless when it is not held."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._connection is not None:
            connection, self._connection = self._connection, None
            try:
                # The server notices a closed session only after a moment, in which nobody else could have the lock.
                if not connection.invalidated:
                    with suppress(DBAPIError):
                        connection.execute(text("SELECT pg_advisory_unlock_all()"))
            finally:
                connection.invalidate()  # closes the session, and with it the lock, even mid-failure
                connection.close()

    def _lock_file(self) -> bool:
        if self._file is not None:
            return True
        file = Path(f"{self._engine.url.database}.{self._name}").open("w")  # noqa: SIM115  the open file is the lock
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._file = file
        return True

    def _lock_session(self) -> bool:
        try:
            if self._connection is None:
                self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
                if not self._connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": self._key}):
                    self.release()
            else:
                self._connection.execute(text("SELECT 1"))  # a lost session has lost the lock
        except DBAPIError:
            self.release()
        return self._connection is not None
