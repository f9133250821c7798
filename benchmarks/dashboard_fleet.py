"""A large fleet to look at: 50 models of 100 features, with a year of daily and a month of hourly windows.

    python -m benchmarks.dashboard_fleet URL [--models 50] [--features 100]

URL is a migrated, empty database. Every second model is judged by the day and has a year of days; the others are judged
by the hour and have a month of hours, and the eleven months before as rolled-up days. Each has a reference of 60
windows, two versions, deployments, and open alerts where it drifts.

Four models are made as the worker makes them: their rows are folded, their windows judged by every check, their alerts
raised. The others are copies of these four, row by row in the database and under names of their own: a page costs what
its rows cost, and not what they say. So this is a load to draw, and no claim about detection. Raw predictions are not
there: no page reads them to draw.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, insert, literal, select, text, update

from app.core.codec import encode_counts
from app.core.importance import importance_of
from app.core.model import Model, Task, Version, WindowLength
from app.core.profile import Profile
from app.services.alerting import alert
from app.services.catalogue import register_model, register_version
from app.services.channels import add_channel
from app.services.evaluate import evaluate
from app.storage import references, tables
from app.storage.engine import engine_for, write
from app.storage.samples import PackedSample, replace_sample
from benchmarks.dashboard_rows import Traffic

DAYS, HOURS, FIRST_WINDOWS = 365, 30 * 24, 30
OWNERS = ("growth", "flights", "pricing", "risk", "search")
REFERENCE_TABLES = (tables.reference, tables.reference_profile, tables.reference_sample)
SLICE = 5_000  # windows' measurements copied by one statement would hold a transaction for minutes


def build(engine: Engine, now: datetime, *, models: int = 50, features: int = 100) -> None:
    """Fill a migrated, empty database as of `now`."""
    add_channel(engine, now, "on-call", "slack", {"url": "env:SLACK_WEBHOOK"})
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    originals = [_original(engine, kind, today, features) for kind in range(min(4, models))]
    if models > 1:
        _roll_up_earlier(engine, originals, today)
    for number in range(len(originals), models):
        _copy(engine, originals[number % 4], number, today)
    alert(engine, now, public_url="http://127.0.0.1:8601")
    _analyze(engine)


def _original(engine: Engine, kind: int, today: datetime, features: int) -> tuple[Version, Version]:
    """One of the four models that are computed: by the day or the hour, calm or drifting. Its two versions."""
    length = WindowLength.HOUR if kind % 2 else WindowLength.DAY
    windows = HOURS if length is WindowLength.HOUR else DAYS
    first, newest = _register(engine, kind, length, today)
    traffic = Traffic(length, features, seed=kind)
    start = today - windows * length.delta
    with write(engine) as connection:
        references.replace(connection, newest.id, traffic.reference(start), traffic.reference_windows(start))
        sample = traffic.sample()
        replace_sample(connection, newest.id, PackedSample.of(sample, importance_of(sample, Task.BINARY)))
        # The reference asked for a rebuild from raw rows, and there are none.
        connection.execute(update(tables.version).values(rebuild_position=None))
    for profiles in traffic.served(start, windows, drifting=kind >= 2):
        _store(engine, newest.id, profiles, today)
    evaluate(engine, today)
    alert(engine, today)
    _copy_version(engine, newest.id, first.id, until=start + FIRST_WINDOWS * length.delta)
    return first, newest


def _register(engine: Engine, number: int, length: WindowLength, today: datetime) -> tuple[Version, Version]:
    """A model with two versions; the second took the place of the first in the middle of the time shown."""
    model = Model(f"model-{number:02d}", Task.BINARY, length, OWNERS[number % 5], max_staleness=timedelta(days=400))
    model = register_model(engine, model, today - timedelta(days=370))
    served = DAYS * timedelta(days=1) if length is WindowLength.DAY else HOURS * timedelta(hours=1)
    first = Version(
        model.id,
        "1",
        newest_training_row=today - served - timedelta(days=1),
        deployed_at=today - served,
        framework="scikit-learn",
        format="onnx",
        runtime="onnxruntime",
        hardware="cpu",
        dependencies={"numpy": "2.2.0", "scikit-learn": "1.6.0"},
    )
    at = today - served / 2
    second = replace(first, name="2", deployed_at=at, dependencies={"numpy": "2.3.1", "scikit-learn": "1.7.0"})
    return (
        register_version(engine, model.name, first, today - served, author="ann"),
        register_version(engine, model.name, second, at, author="bob"),
    )


def _store(engine: Engine, version_id: int, profiles: dict[datetime, Profile], now: datetime) -> None:
    rows = [
        {
            "version_id": version_id,
            "segment": "",
            "window_start": start,
            "rows": profile.rows,
            "features": encode_counts(profile.features),
            "outcomes": encode_counts(profile.outcomes),
            "revision": 1,
            "updated_at": now,
        }
        for start, profile in profiles.items()
    ]
    with write(engine) as connection:
        connection.execute(insert(tables.profile), rows)


def _roll_up_earlier(engine: Engine, originals: list[tuple[Version, Version]], today: datetime) -> None:
    """Give the hourly models the days before their hours: those of the daily model beside them, of the same bins."""
    since, until = today - timedelta(days=DAYS), today - timedelta(hours=HOURS)
    columns = [c for c in tables.daily_profile.c if c.key != "version_id"]
    for (_, daily), (_, hourly) in zip(originals[::2], originals[1::2], strict=False):
        days = tables.profile.c
        chosen = select(literal(hourly.id), *(days[c.key] for c in columns)).where(
            days.version_id == daily.id, days.window_start >= since, days.window_start < until
        )
        known = update(tables.version).where(tables.version.c.id == hourly.id)
        with write(engine) as connection:
            connection.execute(
                insert(tables.daily_profile).from_select(["version_id", *(c.key for c in columns)], chosen)
            )
            connection.execute(known.values(daily_since=since, daily_until=until))


def _copy(engine: Engine, original: tuple[Version, Version], number: int, today: datetime) -> None:
    """Another model like the original."""
    length = WindowLength.HOUR if number % 2 else WindowLength.DAY
    for old, new in zip(original, _register(engine, number, length, today), strict=True):
        _copy_version(engine, old.id, new.id)


def _copy_version(engine: Engine, old: int, new: int, until: datetime | None = None) -> None:
    """Everything that is known of a version, copied to another one; `until`: of its windows before that only."""
    for table in (*REFERENCE_TABLES, tables.profile, tables.daily_profile, tables.measurement, tables.verdict_count):
        columns = [c for c in table.c if c.key not in {"version_id", "id"}]
        query = select(literal(new), *columns).where(table.c.version_id == old)
        if until is not None and table not in REFERENCE_TABLES:
            query = query.where(table.c.window_start < until)
        order = [table.c.id] if "id" in table.c else []
        with write(engine) as connection:
            connection.execute(
                insert(table).from_select(["version_id", *(c.key for c in columns)], query.order_by(*order))
            )
    v = tables.version.c
    counted = [v.daily_since, v.daily_until]
    with write(engine) as connection:
        row = connection.execute(select(*counted).where(v.id == old)).one()
        connection.execute(update(tables.version).where(v.id == new).values(**row._mapping))


def _analyze(engine: Engine) -> None:
    """What autovacuum would have done on PostgreSQL; nobody does it on SQLite."""
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))


def main() -> None:
    """Fill the database that is named."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dashboard_fleet", description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--models", type=int, default=50)
    parser.add_argument("--features", type=int, default=100)
    chosen = parser.parse_args()
    began = time.perf_counter()
    build(engine_for(chosen.url), datetime.now(UTC), models=chosen.models, features=chosen.features)
    print(f"{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
