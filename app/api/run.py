"""The collector as a process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from types import FrameType

import uvicorn

from app.api.app import create_app
from app.api.context import wall_clock
from app.api.waiting import Waiting
from app.settings import Settings

GRACE_SECONDS = 30
STARTUP_FAILED = 3
SWITCH_SECONDS = 0.0005
"""How long the committer waits for its turn with the interpreter. It gives the turn up at every statement; at Python's
usual 5 ms for getting it back, a busy event loop makes single records wait twice as long (measured)."""


class _Server(uvicorn.Server):
    """Those who wait for a change are answered when it is told to stop: else it would wait for them."""

    def __init__(self, config: uvicorn.Config, waiting: Waiting) -> None:
        super().__init__(config)
        self._waiting = waiting

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._waiting.close()
        super().handle_exit(sig, frame)


def serve(settings: Settings, clock: Callable[[], datetime] = wall_clock) -> None:
    """Serve until told to stop (SIGTERM, SIGINT); then answer who is being served, store what waits, and return."""
    sys.setswitchinterval(SWITCH_SECONDS)
    app = create_app(settings, clock)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = _Server(config, app.state.context.waiting)
    with suppress(KeyboardInterrupt):  # uvicorn raises the signal again once it has stopped
        server.run()
    if not server.started:
        sys.exit(STARTUP_FAILED)
