"""What a storm costs: 20 models of 500 features that all breach at once, on SQLite, in processor time.

A round of alerts is compared with one in which all that was measured is healthy, as it is in almost every round.
Writing happens in one transaction for what a version's alerts are, and one for what is told of them.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from sqlalchemy import URL, Engine, event, insert

from app.core.model import Model, Outcome, Task, Version
from app.services.alerting import alert
from app.services.channels import add_channel
from app.storage import catalogue, migrate, tables
from app.storage.engine import engine_for, write
from benchmarks.table import Line

MODELS, FEATURES = 20, 500
START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
NOW = START + 2 * DAY


def main(repetitions: int = 3) -> list[Line]:
    """The round in which the storm begins, the one after it, and how long others wait for it to write."""
    calm, begins, goes_on, writes = [], [], [], []
    for _ in range(repetitions):
        with _measured(Outcome.OK) as engine:
            _round(engine, NOW)  # the first one of a process compiles the queries
            calm.append(_round(engine, NOW))
        with _measured(Outcome.BREACH) as engine, _writing(engine) as taken:
            begins.append(_round(engine, NOW))
            goes_on.append(_round(engine, NOW + timedelta(minutes=1)))
        writes.append(max(taken))
    healthy = median(calm)
    what, same = f"{MODELS} models x {FEATURES} features", "a round in which all is healthy"
    return [
        Line(f"{what} begin to fire", median(begins), healthy, "s", same),
        Line(f"{what} fire already", median(goes_on), healthy, "s", same),
        Line(f"{what}: longest write", median(writes) * 1e3, 100.0, "ms", "what others may have to wait", "about 1"),
    ]


def _round(engine: Engine, now: datetime) -> float:
    began = time.process_time()
    alert(engine, now)
    return time.process_time() - began


@contextmanager
def _measured(outcome: Outcome) -> Iterator[Engine]:
    """A database in which every feature of every model has one window with that outcome."""
    with tempfile.TemporaryDirectory() as folder:
        engine = engine_for(URL.create("sqlite", database=str(Path(folder) / "watchkeeper.sqlite3")))
        migrate.upgrade(engine)
        add_channel(engine, START, "ops", "slack", {"url": "env:SLACK"})
        with write(engine) as connection:
            for n in range(MODELS):
                model = catalogue.add_model(connection, Model(f"model_{n}", Task.BINARY), START)
                version = catalogue.add_version(connection, Version(model.id, "1"), START)
                connection.execute(insert(tables.measurement), [_row(version.id, f, outcome) for f in range(FEATURES)])
        yield engine
        engine.dispose()


def _row(version_id: int, feature: int, outcome: Outcome) -> dict[str, object]:
    return {
        "version_id": version_id,
        "check": "training_serving_skew",
        "subject": f"feature_{feature}",
        "segment": "",
        "window_start": START,
        "window_end": START + DAY,
        "value": 0.2 + feature / 1000,
        "limit": 0.1,
        "outcome": outcome.value,
        "reason": "beyond the limit in 2 of the last 3 windows",
        "statistic": "normed Wasserstein",
        "evaluated_at": NOW,
    }


@contextmanager
def _writing(engine: Engine) -> Iterator[list[float]]:
    """The processor time of each transaction that writes."""
    taken, began = [0.0], [0.0]

    def begin(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("BEGIN IMMEDIATE"):
            began[0] = time.process_time()

    def commit(_connection: object) -> None:
        if began[0]:
            taken.append(time.process_time() - began[0])
            began[0] = 0.0

    event.listen(engine, "before_cursor_execute", begin)
    event.listen(engine, "commit", commit)
    yield taken
