"""The time of the replay, for every process of the demo."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path


class Clock:
    """Set to a time, it goes on from there as fast as real time does. Whoever reads its file tells the same time."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def set(self, now: datetime) -> None:
        """Let it be `now`."""
        partial = self._file.with_suffix(".partial")
        partial.write_text(f"{(datetime.now(UTC) - now).total_seconds():.6f}")
        partial.replace(self._file)

    def __call__(self) -> datetime:
        """The present. Raises FileNotFoundError before it was set."""
        return datetime.now(UTC) - timedelta(seconds=float(self._file.read_text()))
