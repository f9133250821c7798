"""The collector as a process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime

import uvicorn

from app.api.app import create_app
from app.api.context import wall_clock
from app.settings import Settings

GRACE_SECONDS = 30
SWITCH_SECONDS = 0.0005
"""How long the committer waits for its turn with the interpreter. It gives the turn up at every statement; at Python's
usual 5 ms for getting it back, a busy event loop makes single records wait twice as long (measured)."""


def serve(settings: Settings, clock: Callable[[], datetime] = wall_clock) -> None:
    """Serve until told to stop (SIGTERM, SIGINT); then answer who is being served, store what waits, and return."""
    sys.setswitchinterval(SWITCH_SECONDS)
    uvicorn.run(
        create_app(settings, clock),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
