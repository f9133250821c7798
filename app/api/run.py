"""The collector as a process."""

from __future__ import annotations

import logging
import os
import sys

import uvicorn

from app.api.app import create_app
from app.settings import Settings, SettingsError

GRACE_SECONDS = 30
SWITCH_SECONDS = 0.0005
"""How long the committer waits for its turn with the interpreter. It gives the turn up at every statement; at Python's
usual 5 ms for getting it back, a busy event loop makes single records wait twice as long (measured)."""


def serve(settings: Settings) -> None:
    """Serve until told to stop (SIGTERM, SIGINT); then answer who is being served, store what waits, and return."""
    sys.setswitchinterval(SWITCH_SECONDS)
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def main() -> None:
    """`python -m app.api.run`: the collector alone, set up by the environment."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)  # /readyz asks it for the schema again and again
    try:
        settings = Settings.from_environment(os.environ)
    except SettingsError as error:
        sys.exit(str(error))
    serve(settings)


if __name__ == "__main__":
    main()
