"""Requests that wait for a change of what is live: no thread each, and one look at the database for all of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from app.services.commit import QueueFullError
from app.services.live import LiveState

MOST_WAITING = 1_000
LOOK_SECONDS = 1.0
"""How soon a change by another process is seen; one that this collector makes is seen at once."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class _Waiter:
    """One request: answered by the first state of its model whose tag it does not know."""

    model: str
    known: Collection[str]
    answer: asyncio.Future[LiveState | None]

    def tell(self, state: LiveState | None) -> None:
        if not self.answer.done():
            self.answer.set_result(state)


class Waiting:
    """Those who wait. All but `changed` and `close` belong to the event loop that serves them."""

    def __init__(
        self,
        load: Callable[[Collection[str]], Mapping[str, LiveState]],
        *,
        most: int = MOST_WAITING,
        pause: float = LOOK_SECONDS,
    ) -> None:
        """`load` looks at the database; `pause` in seconds."""
        self._load, self._most, self._pause = load, most, pause
        self._waiters: set[_Waiter] = set()
        self._nudge = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._looking: asyncio.Task[None] | None = None
        self._error: SQLAlchemyError | None = None
        self._closed = False

    @property
    def number(self) -> int:
        """How many wait."""
        return len(self._waiters)

    async def wait(self, model: str, known: Collection[str], seconds: float) -> LiveState | None:
        """The model's first state whose tag is not among `known`; None when there was none within `seconds`.

        Raises QueueFullError when too many wait already, SQLAlchemyError when the database could not be asked.
        """
        if self._closed:
            return None
        if len(self._waiters) >= self._most:
            raise QueueFullError(f"{self._most} requests wait for a change already; ask again without `wait`")
        self._loop = asyncio.get_running_loop()
        waiter = _Waiter(model, known, self._loop.create_future())
        self._waiters.add(waiter)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            return await asyncio.wait_for(waiter.answer, seconds)
        except TimeoutError:
            if self._error is not None:
                raise self._error from None
            return None
        finally:
            self._waiters.discard(waiter)

    def changed(self) -> None:
        """Look now: something changed. From any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._nudge.set)

    def close(self) -> None:
        """Let nobody wait any more, so that the collector can end. From any thread, also from a signal's handler."""
        self._closed = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._dismiss)

    def _dismiss(self) -> None:
        for waiter in self._waiters:
            waiter.tell(None)

    async def _look(self) -> None:
        while self._waiters:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._nudge.wait(), self._pause)
            self._nudge.clear()
            if self._waiters:
                await self._tell({waiter.model for waiter in self._waiters})

    async def _tell(self, models: Collection[str]) -> None:
        try:
            states = await run_in_threadpool(self._load, models)
        except SQLAlchemyError as error:
            if self._error is None:
                _log.error("requests wait for changes, but the database failed: %s", getattr(error, "orig", error))
            self._error = error
            return
        self._error = None
        tags = {model: state.etag for model, state in states.items()}
        for waiter in self._waiters:
            if tags.get(waiter.model, "") not in {"", *waiter.known}:
                waiter.tell(states[waiter.model])
