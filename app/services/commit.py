"""Group commit: senders' rows wait in a bounded queue, and one thread commits all that wait in one transaction.

A durable commit costs about the same for one row as for a thousand, so the more senders wait, the cheaper each becomes.
A sender's future is resolved only after its rows are on disk.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Engine
from sqlalchemy.exc import DataError, IntegrityError, InterfaceError, OperationalError, SQLAlchemyError

from app.storage.engine import write
from app.storage.ingest import Inserted, Rows, insert_rows

logger = logging.getLogger(__name__)

MOST_RECORDS = 10_000
"""Rows of one transaction: about 100 ms on SQLite, so that jobs get their turn. A larger sender is committed alone."""


class QueueFullError(Exception):
    """More rows wait than the queue may hold; a moment later there is room again."""


class StoppedError(Exception):
    """The committer takes nothing any more."""


class NotStoredError(Exception):
    """The database did not take the rows; none of the sender's rows is stored. Sending them again may help."""


class _Waiting(NamedTuple):
    rows: Rows
    size: int
    done: Future[Inserted]


class Committer:
    """Commits rows in groups. `start` it, `submit` from any thread, and `close` it: what waits is committed first."""

    def __init__(
        self,
        engine: Engine,
        *,
        capacity: int,
        capacity_bytes: int = 1 << 28,
        committed: Callable[[int, float], None] = lambda _records, _seconds: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`capacity`: rows that may wait, and `capacity_bytes` the bytes that they were sent as. `committed(rows,
        seconds)` is called after each commit. `clock` says when a row was received.
        """
        self._clock = clock
        self._engine, self._capacity, self._capacity_bytes, self._committed = (
            engine,
            capacity,
            capacity_bytes,
            committed,
        )
        self._queue: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._open = False
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)
        self.waiting = 0
        """Rows in the queue, without those that are being committed."""
        self.waiting_bytes = 0

    def start(self) -> None:
        """Take rows from now on."""
        self._open = True
        self._thread.start()

    def close(self, timeout: float = 30.0) -> None:
        """Take no more rows, commit those that wait, and end."""
        with self._changed:
            self._open = False
            self._changed.notify()
        self._thread.join(timeout)

    @property
    def alive(self) -> bool:
        """False when rows would wait for ever."""
        return self._thread.is_alive()

    def submit(self, rows: Rows, size: int = 0) -> Future[Inserted]:
        """Queue rows that came as `size` bytes, unpacked; the future gives how many were new, or NotStoredError.

        Raises QueueFullError or StoppedError. A sender larger than the whole queue is let in when nobody else waits.
        """
        done: Future[Inserted] = Future()
        done.set_running_or_notify_cancel()  # a sender that goes away cannot take its rows back
        with self._changed:
            if not self._open:
                raise StoppedError("the collector is shutting down")
            if self.waiting and self.waiting + len(rows) > self._capacity:
                raise QueueFullError(f"{self.waiting} records wait to be stored, and at most {self._capacity} may")
            if self.waiting and self.waiting_bytes + size > self._capacity_bytes:
                said = f"{self.waiting_bytes >> 20} MiB of records wait to be stored"
                raise QueueFullError(f"{said}, and at most {self._capacity_bytes >> 20} may")
            self._queue.append(_Waiting(rows, size, done))
            self.waiting += len(rows)
            self.waiting_bytes += size
            self._changed.notify()
        return done

    def _run(self) -> None:
        group: list[_Waiting] = []
        try:
            while group := self._next_group():
                self._commit(group)
        finally:  # at the end of a normal life there is nobody left
            with self._changed:
                self._open = False
                _refuse([*group, *self._queue], "the collector's committer has ended")

    def _next_group(self) -> list[_Waiting]:
        """Who waits, up to MOST_RECORDS rows; empty once the committer is closed and nobody waits."""
        group: list[_Waiting] = []
        size = 0
        with self._changed:
            self._changed.wait_for(lambda: self._queue or not self._open)
            while self._queue and (not group or size + len(self._queue[0].rows) <= MOST_RECORDS):
                group.append(self._queue.popleft())
                size += len(group[-1].rows)
            self.waiting -= size
            self.waiting_bytes -= sum(one.size for one in group)
        return group

    def _commit(self, group: list[_Waiting]) -> None:
        started = time.perf_counter()
        try:
            stored = self._store([waiting.rows for waiting in group])
        except (IntegrityError, DataError) as error:
            self._part_ways(group, error)
        except SQLAlchemyError as error:
            logger.error("commit of %d senders failed: %s", len(group), error)
            _refuse(group, f"the database did not take the records: {_cause(error)}")
        else:
            self._committed(sum(len(waiting.rows) for waiting in group), time.perf_counter() - started)
            for waiting, inserted in zip(group, stored, strict=True):
                waiting.done.set_result(inserted)

    def _part_ways(self, group: list[_Waiting], error: SQLAlchemyError) -> None:
        """Rows that the database refuses cost their own sender only, not the others of the group."""
        if len(group) == 1:
            logger.error("the database refuses the rows of a sender: %s", error)
            _refuse(group, f"the database refuses the records: {_cause(error)}")
        else:
            for waiting in group:
                self._commit([waiting])

    def _store(self, senders: list[Rows]) -> list[Inserted]:
        try:
            return self._transaction(senders)
        except (OperationalError, InterfaceError) as error:
            if self._engine.dialect.name == "sqlite":
                raise  # a locked database has been waited for already, a full disk stays full
            logger.warning("commit failed, trying once more: %s", _cause(error))
            return self._transaction(senders)

    def _transaction(self, senders: list[Rows]) -> list[Inserted]:
        with write(self._engine) as connection:
            return insert_rows(connection, senders, self._clock())


def _refuse(group: list[_Waiting], reason: str) -> None:
    for waiting in group:
        if not waiting.done.done():
            waiting.done.set_exception(NotStoredError(reason))


def _cause(error: SQLAlchemyError) -> str:
    """The driver's own words, without the statement."""
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]
