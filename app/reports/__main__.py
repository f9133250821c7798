"""`python -m app.reports FOLDER`: make the report that FOLDER/order.json asks for, beside it, and be gone.

A process of its own, so that the memory goes with it. It talks to no database and no network; a report that cannot be
made ends it with code 1 and the reason on standard error.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import msgspec

from app.core.errors import WatchkeeperError
from app.core.reports import ReportOrder
from app.reports.child import HTML, JSON, ORDER, TIME_LIMIT_SECONDS


def main(folder: Path) -> None:
    """Make the report of the folder."""
    signal.alarm(TIME_LIMIT_SECONDS)  # nobody else ends us if the worker was killed meanwhile
    os.nice(10)
    os.environ["DO_NOT_TRACK"] = "1"
    from app.reports.build import build  # noqa: PLC0415  Evidently reads the variable when it is imported

    built = build(msgspec.json.decode((folder / ORDER).read_bytes(), type=ReportOrder))
    (folder / HTML).write_text(built.html)
    (folder / JSON).write_text(built.json)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except WatchkeeperError as error:
        sys.exit(str(error))
