"""When each API key was used last: noted in memory for each request, and written down every few minutes at most."""

from __future__ import annotations

import logging
import threading
from datetime import datetime, timedelta

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from app.storage.api_keys import ApiKey, note_uses
from app.storage.engine import write

WRITTEN_EVERY = timedelta(minutes=5)
"""What is written of a key is at most so old, while the database takes it."""

_log = logging.getLogger(__name__)


class KeyUses:
    """Notes uses in memory, and writes of each key the newest. Safe to use from several threads.

    No request waits for the database here, and none fails for it.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._new: dict[str, datetime] = {}
        self._written: dict[str, datetime] = {}

    def note(self, digest: str, now: datetime) -> None:
        """The good key of that digest was used."""
        with self._lock:
            self._new[digest] = now

    def store(self, now: datetime, *, everything: bool = False) -> None:
        """Write down what is due: uses of keys of which nothing was written for WRITTEN_EVERY, or `everything`.

        What the database does not take is kept for the next time.
        """
        with self._lock:
            due = {digest: at for digest, at in self._new.items() if everything or self._is_due(digest, now)}
            self._new = {digest: at for digest, at in self._new.items() if digest not in due}
        if not due:
            return
        try:
            with write(self._engine) as connection:
                note_uses(connection, due)
        except SQLAlchemyError as error:
            _log.error("the last uses of keys could not be stored: %s", type(error).__name__)
            with self._lock:
                self._new = {**due, **self._new}
            return
        with self._lock:
            self._written |= dict.fromkeys(due, now)

    def _is_due(self, digest: str, now: datetime) -> bool:
        before = self._written.get(digest)
        return before is None or now - before >= WRITTEN_EVERY


def last_use(key: ApiKey, now: datetime) -> str:
    """When the key was used last, in words; what was before uses were written down is said not to be known."""
    if key.last_used_at is not None:
        return f"{_ago(now - key.last_used_at)} ({key.last_used_at:%Y-%m-%d %H:%M} UTC)"
    if key.uses_known_since is None:
        return "never used"
    return f"not since {key.uses_known_since:%Y-%m-%d %H:%M} UTC; what was before is not known"


def _ago(span: timedelta) -> str:
    if span < timedelta(hours=1):
        return "within the last hour"
    hours = span // timedelta(hours=1)
    return f"{span.days} days ago" if span.days >= 2 else f"{hours} hour{'s' if hours > 1 else ''} ago"
