"""What can go wrong with a demo."""

from __future__ import annotations

from app.core.errors import WatchkeeperError


class DemoError(WatchkeeperError):
    """The demo cannot go on; the text says why and where to look."""
