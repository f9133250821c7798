"""An answer that stands ready: made anew behind the scenes while somebody is here, so that nobody waits for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from threading import Lock
from time import monotonic
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class _Known(Generic[Answer]):
    answer: Answer
    made: float


class Kept(Generic[Answer]):
    """Asks `ask` when what it answered last is older than `fresh`, or was nothing: what comes first is seen at once.

    All who ask share the answer: none may change it.
    """

    def __init__(self, ask: Callable[[], Answer], fresh: timedelta, clock: Callable[[], float] = monotonic) -> None:
        self._ask, self._fresh, self._clock = ask, fresh.total_seconds(), clock
        self._lock = Lock()
        self._known: _Known[Answer] | None = None

    def __call__(self) -> Answer:
        return self._younger_than(self._fresh)

    def renew(self, age: timedelta) -> None:
        """Ask anew what is older than `age`, while everybody still gets the answer there is."""
        self._younger_than(age.total_seconds())

    def clear(self) -> None:
        """Forget the answer: the next one to ask waits for another."""
        with self._lock:
            self._known = None

    def _younger_than(self, age: float) -> Answer:
        known = self._known
        if known is not None and known.answer and self._clock() - known.made <= age:
            return known.answer
        with self._lock:  # those who waited take what the first of them got
            known = self._known
            if known is None or not known.answer or self._clock() - known.made > age:
                made = self._clock()
                self._known = known = _Known(self._ask(), made)
            return known.answer
