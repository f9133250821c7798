"""Records waiting to be sent, within bounds of number and bytes, and the account of what became of each."""

import math
import threading
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, NamedTuple, Self

OnFull = Literal["drop_newest", "drop_oldest"]
Reason = Literal["queue_full", "rejected", "gave_up", "closed"]

# 500 records are few when each is large, so a batch is cut at this many bytes too (before compression).
BATCH_BYTES = 4 * 1024 * 1024


class Kind(StrEnum):
    """What a record says; the value is the route that takes it."""

    PREDICTION = "/v1/predictions"
    CORRECTION = "/v1/corrections"
    OFFLINE_FEATURES = "/v1/features"


class Record(NamedTuple):
    """One encoded record and its place in the order of arrival."""

    order: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one kind that travel together."""

    kind: Kind
    records: tuple[Record, ...]

    def __len__(self) -> int:
        return len(self.records)

    @property
    def size(self) -> int:
        """Bytes of the encoded records."""
        return sum(len(record.body) for record in self.records)

    def halves(self) -> tuple[Self, Self]:
        """The first and the second half of a batch of two or more."""
        middle = len(self.records) // 2
        return type(self)(self.kind, self.records[:middle]), type(self)(self.kind, self.records[middle:])


@dataclass(frozen=True, slots=True)
class Stats:
    """What became of every record so far: records logged = sent + duplicates + rejected + sum(dropped) + queued.

    sent        stored by the collector
    duplicates  the collector had them already, as happens after an answer got lost
    rejected    refused by the collector one by one, each for a fault of its own
    queued      waiting or on their way
    dropped     never stored, by reason: "queue_full" (no room in memory), "rejected" (a whole request refused, as with
                a wrong key), "gave_up" (too many failed attempts), "closed" (logged after close, or left over by it)
    last_error  the newest thing that went wrong, even if a later attempt mended it; empty if nothing did
    """

    sent: int = 0
    duplicates: int = 0
    rejected: int = 0
    queued: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """What is told to the collector, counted since the start: the records logged, how many of them were predictions, of
    how many that were served (None: the service does not tell), and what became of them.
    """

    logged: int
    predictions: int
    served: int | None
    sent: int
    rejected: int
    dropped: Mapping[str, int]


class Buffer:
    """A bounded queue between many writers and one sender; every method may be called from any thread.

    The bounds cover the batch on its way too. When there is no room, `drop_newest` refuses the newcomer and
    `drop_oldest` gives up the records that waited longest; a writer never waits.
    """

    def __init__(
        self, max_records: int, max_bytes: int, on_full: OnFull, batch_size: int, batch_interval: float
    ) -> None:
        """batch_interval is in seconds: how long a record waits for company."""
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._on_full = on_full
        self._batch_interval = batch_interval
        # A small buffer must not fill up while its first record waits for company.
        self._batch_size = min(batch_size, max(1, max_records // 2))
        self._batch_bytes = min(BATCH_BYTES, max_bytes // 2)
        self._changed = threading.Condition()
        self._waiting: dict[Kind, deque[Record]] = {kind: deque() for kind in Kind}
        self._waiting_bytes = 0
        self._travelling = 0
        self._travelling_bytes = 0
        self._travelling_from = 0
        self._next_order = 0
        self._flush_before = 0
        self._closed = False
        self._counts: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()
        self._logged: Counter[Kind] = Counter()
        self._served: int | None = None

    def put(self, kind: Kind, body: bytes) -> Reason | None:
        """Take one record in; the answer is the reason why a record, this one or an older one, had to be dropped."""
        with self._changed:
            self._logged[kind] += 1
            if self._closed:
                self._dropped["closed"] += 1
                return "closed"
            full = not self._fits(len(body))
            if full and not self._make_room(len(body)):
                self._dropped["queue_full"] += 1
                return "queue_full"
            first = not self._any_waiting()
            self._waiting[kind].append(Record(self._next_order, body))
            self._waiting_bytes += len(body)
            self._next_order += 1
            if first or self._due():
                self._changed.notify_all()
            return "queue_full" if full else None

    def next_batch(self) -> Batch | None:
        """Wait until a batch is due and take it; None once the buffer is closed and empty. For the one sender only."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._any_waiting())
            self._changed.wait_for(self._due, self._batch_interval)
            return self._take() if self._any_waiting() else None

    def settle(self, batch: Batch, *, sent: int, duplicates: int, rejected: int) -> None:
        """The collector has answered for this batch, or for this part of one."""
        with self._changed:
            self._counts.update(sent=sent, duplicates=duplicates, rejected=rejected)
            self._arrived(batch)

    def drop(self, batch: Batch, reason: Reason) -> None:
        """This batch, or this part of one, will never be stored."""
        with self._changed:
            self._dropped[reason] += len(batch)
            self._arrived(batch)

    def flush(self, timeout: float) -> bool:
        """Send now what waits; True as soon as every record of before this call is settled or dropped."""
        with self._changed:
            target = self._flush_before = self._next_order
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self._oldest_unsettled() >= target, timeout)

    def serve(self, predictions: int) -> None:
        """The service has answered with so many predictions, logged or not."""
        with self._changed:
            self._served = (self._served or 0) + predictions

    def close(self) -> None:
        """Take nothing more in; what waits is due at once."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def abandon(self) -> int:
        """Drop what waits as "closed"; the number of records, those on their way included, without an answer."""
        with self._changed:
            left = self._queued()
            self._dropped["closed"] += left - self._travelling
            for queue in self._waiting.values():
                queue.clear()
            self._waiting_bytes = 0
            self._changed.notify_all()
            return left

    def stats(self, last_error: str) -> Stats:
        """The account at this moment."""
        with self._changed:
            return Stats(
                sent=self._counts["sent"],
                duplicates=self._counts["duplicates"],
                rejected=self._counts["rejected"],
                queued=self._queued(),
                dropped={reason: number for reason, number in self._dropped.items() if number},
                last_error=last_error,
            )

    def account(self) -> Account:
        """What is told to the collector at this moment."""
        with self._changed:
            return Account(
                logged=self._logged.total(),
                predictions=self._logged[Kind.PREDICTION],
                served=self._served,
                sent=self._counts["sent"] + self._counts["duplicates"],
                rejected=self._counts["rejected"],
                dropped={reason: number for reason, number in self._dropped.items() if number},
            )

    # What follows expects the lock to be held.

    def _queued(self) -> int:
        return self._travelling + sum(map(len, self._waiting.values()))

    def _any_waiting(self) -> bool:
        return any(self._waiting.values())

    def _due(self) -> bool:
        return (
            self._closed
            or self._waiting_bytes >= self._batch_bytes
            or max(map(len, self._waiting.values())) >= self._batch_size
            or self._oldest_waiting() < self._flush_before
        )

    def _oldest_waiting(self) -> float:
        return min((queue[0].order for queue in self._waiting.values() if queue), default=math.inf)

    def _oldest_unsettled(self) -> float:
        return min(self._oldest_waiting(), self._travelling_from if self._travelling else math.inf)

    def _oldest_queue(self) -> Kind:
        return min((kind for kind in Kind if self._waiting[kind]), key=lambda kind: self._waiting[kind][0].order)

    def _fits(self, size: int) -> bool:
        size += self._waiting_bytes + self._travelling_bytes
        return self._queued() < self._max_records and size <= self._max_bytes

    def _make_room(self, size: int) -> bool:
        impossible = self._travelling >= self._max_records or self._travelling_bytes + size > self._max_bytes
        if self._on_full == "drop_newest" or impossible:
            return False
        while not self._fits(size):
            oldest = self._waiting[self._oldest_queue()].popleft()
            self._waiting_bytes -= len(oldest.body)
            self._dropped["queue_full"] += 1
        return True

    def _take(self) -> Batch:
        kind = self._oldest_queue()
        queue = self._waiting[kind]
        records = [queue.popleft()]
        size = len(records[0].body)
        while queue and len(records) < self._batch_size and size + len(queue[0].body) <= self._batch_bytes:
            records.append(queue.popleft())
            size += len(records[-1].body)
        self._waiting_bytes -= size
        self._travelling, self._travelling_bytes, self._travelling_from = len(records), size, records[0].order
        return Batch(kind, tuple(records))

    def _arrived(self, batch: Batch) -> None:
        self._travelling -= len(batch)
        self._travelling_bytes -= batch.size
        self._changed.notify_all()
