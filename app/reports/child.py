"""The child process that makes a report, as its parent sees it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from app.core.errors import WatchkeeperError
from app.core.reports import ReportOrder
from app.settings import PREFIX

ORDER, HTML, JSON = "order.json", "report.html", "report.json"
TIME_LIMIT_SECONDS = 300
LONGEST_ERROR = 500


class ReportError(WatchkeeperError):
    """The report could not be made; the text says why."""


@dataclass(frozen=True, slots=True)
class Made:
    """A finished report."""

    html: str
    json: str


def make(order: ReportOrder, environment: Mapping[str, str], seconds: float = TIME_LIMIT_SECONDS) -> Made:
    """Have the report made by a child process, and wait for it. Raises ReportError when it fails or takes too long.

    The child gets the environment without our settings: it needs neither the database nor a secret.
    """
    plain = {name: value for name, value in environment.items() if not name.startswith(PREFIX)}
    with tempfile.TemporaryDirectory(prefix="watchkeeper-report-") as name:
        folder = Path(name)
        (folder / ORDER).write_bytes(msgspec.json.encode(order))
        command = [sys.executable, "-m", "app.reports", str(folder)]
        try:
            # A session of its own: Ctrl-C on the worker lets the report be finished.
            ended = subprocess.run(  # noqa: S603  our own module
                command, env=plain, capture_output=True, text=True, timeout=seconds, check=False, start_new_session=True
            )
        except subprocess.TimeoutExpired:
            raise ReportError(f"it took longer than {seconds:g} seconds") from None
        if ended.returncode:
            raise ReportError(_last_line(ended.stderr) or f"the process ended with code {ended.returncode}")
        return Made((folder / HTML).read_text(), (folder / JSON).read_text())


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:LONGEST_ERROR] if lines else ""
