"""A model with measurements, put straight into the database: what the evaluation leaves behind."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, delete, insert, select

from app.core.model import Model, Outcome, Task, Version
from app.services.channels import add_channel
from app.storage import catalogue, tables
from app.storage.engine import read, write
from app.storage.verdict_counts import count_verdicts

DAY = timedelta(days=1)
START = datetime(2026, 3, 1, tzinfo=UTC)


def add_version(engine: Engine, model: str = "delay", version: str = "1") -> int:
    """A registered version of a daily model; its id."""
    with write(engine) as connection:
        known = {found.name: found for found in catalogue.list_models(connection)}
        found = known.get(model) or catalogue.add_model(connection, Model(model, Task.BINARY), START)
        return catalogue.add_version(connection, Version(found.id, version), START).id


def measure(
    engine: Engine,
    version_id: int,
    outcomes: str,
    *,
    check: str = "training_serving_skew",
    subject: str = "age",
    segment: str = "",
    value: float | None = 0.2,
    limit: float | None = 0.1,
    normal: float | None = None,
    first_day: int = 0,
) -> None:
    """One measurement a day, by letters: `b`reach, `o`k, `?` not evaluated, blank for none. Replaces what was there."""
    names = {"b": Outcome.BREACH, "o": Outcome.OK, "?": Outcome.NOT_EVALUATED}
    rows = [
        {
            "version_id": version_id,
            "check": check,
            "subject": subject,
            "segment": segment,
            "window_start": START + day * DAY,
            "window_end": START + (day + 1) * DAY,
            "value": value,
            "limit": limit,
            "normal": normal,
            "outcome": names[letter].value,
            "reason": f"day {day} says {letter}",
            "statistic": "W1",
            "expected_rate": 0.003,
            "evaluated_at": START,
        }
        for day, letter in enumerate(outcomes, start=first_day)
        if letter != " "
    ]
    m = tables.measurement.c
    same = (m.version_id == version_id) & (m.check == check) & (m.subject == subject) & (m.segment == segment)
    days = [row["window_start"] for row in rows]
    with write(engine) as connection:
        connection.execute(delete(tables.measurement).where(same, m.window_start.in_(days)))
        connection.execute(insert(tables.measurement), rows)
        count_verdicts(connection, version_id, START + first_day * DAY, START + (first_day + len(outcomes)) * DAY)


def add_channels(engine: Engine, urls: Iterable[tuple[str, str]]) -> None:
    """Slack channels whose address is in these variables of the environment: (name, variable)."""
    for name, variable in urls:
        add_channel(engine, START, name, "slack", {"url": f"env:{variable}"})


def rows_of(engine: Engine, name: str) -> list[dict[str, object]]:
    """All rows of a table, oldest first."""
    table = tables.metadata.tables[name]
    with read(engine) as connection:
        return [dict(row._mapping) for row in connection.execute(select(table).order_by(table.c.id))]
