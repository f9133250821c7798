"""A small table of the database held in memory: fresh enough, and never reloaded more often than is good for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Snapshot(Generic[T]):
    """What `load` gave last. Safe to share between threads.

    Who misses something in it asks for a reload; a flood of such questions costs at most one load per `pause`.
    """

    def __init__(
        self,
        load: Callable[[], T],
        *,
        max_age: float,
        pause: float = 0.1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`max_age` and `pause` in seconds."""
        self._load, self._max_age, self._pause, self._clock = load, max_age, pause, clock
        self._lock = threading.Lock()
        self._held: tuple[T, float] | None = None

    def fresh(self) -> T | None:
        """What is held, unless it is older than `max_age`. Never waits."""
        held = self._held
        return held[0] if held is not None and self._clock() - held[1] <= self._max_age else None

    def reload(self) -> T:
        """What the database says now; where it was asked less than `pause` ago, what it said then."""
        with self._lock:
            held = self._held
            if held is None or self._clock() - held[1] > self._pause:
                asked_at = self._clock()
                held = self._held = (self._load(), asked_at)
            return held[0]

    def forget(self) -> None:
        """Drop what is held: somebody knows that it changed."""
        self._held = None
