"""Requests that a collector turned away, counted by reason: who is refused cannot say so, and may not notice."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from datetime import datetime

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from app.storage.engine import write
from app.storage.refusals import add_refusals

_log = logging.getLogger(__name__)


class Refusals:
    """Counts in memory, and adds to what is stored now and then. Safe to use from several threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._new: Counter[str] = Counter()

    def count(self, reason: str) -> None:
        """One more request was refused. Reasons are few and our own: nothing of the request is in them."""
        with self._lock:
            self._new[reason] += 1

    def store(self, now: datetime) -> None:
        """Write down what was counted since; what the database does not take is kept for the next time."""
        with self._lock:
            new, self._new = self._new, Counter()
        if not new:
            return
        _log.warning("refused %s", ", ".join(f"{count} {reason}" for reason, count in sorted(new.items())))
        try:
            with write(self._engine) as connection:
                add_refusals(connection, now, new)
        except SQLAlchemyError as error:
            _log.error("refusals could not be stored: %s", type(error).__name__)
            with self._lock:
                self._new.update(new)
