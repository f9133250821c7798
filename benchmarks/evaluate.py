"""What judging costs: a model with 100 numeric features, a reference of 40 days, 130 days in production, on SQLite.

The worker's process is warm, so every figure is the median of several rounds after a first one. What is counted is the
processor time, so that other work on the machine does not blur it. Reading is to fetch and unpack profiles, judging is
every check, storing is to replace the measurements. A profile of 10^8 rows is one of 10^4 added to itself.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import numpy as np
from sqlalchemy import URL, Engine, event, update

from app.core.codec import encode_counts
from app.core.fold import WHOLE, Rows, Truth, fold
from app.core.layout import Layout, build_layout
from app.core.model import Model, Source, Task, Version, WindowLength
from app.core.profile import Profile
from app.services import evaluate as judging
from app.services import fold as counting
from app.storage import migrate, references, tables
from app.storage.catalogue import add_model, add_version
from app.storage.engine import engine_for, write
from app.storage.profiles import PackedProfile, save_profile
from benchmarks.table import Line

FEATURES = [f"feature_{i:03d}" for i in range(100)]
START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
REFERENCE_DAYS, DAYS, REJUDGED = 40, 130, 90
ROWS_A_DAY = 10_000
PARTS = {"reading": ("_case", "_early"), "judging": ("_measure",), "storing": ("_store",)}
Taken = dict[str, list[float]]


def main(rounds: int = 7) -> list[Line]:
    """A new window, many windows again, profiles of few and of many rows, and the size of one."""
    days = _profiles(REFERENCE_DAYS + 10, ROWS_A_DAY)
    layout, profiles = days
    with _model(layout, profiles) as (engine, version_id):
        newest = _rejudge(engine, version_id, 1, rounds)
        with _no_raw_row(engine):
            many = _rejudge(engine, version_id, REJUDGED, 3)
    with _model(layout, [_times(profile, 10_000) for profile in profiles]) as (engine, version_id):
        heavy = _rejudge(engine, version_id, 1, rounds)
    what = f"{len(FEATURES)} numeric features"
    sizes = {power: _size(_times(profiles[0], 10 ** (power - 4))) / 1e3 for power in (4, 7, 8)}
    return [
        Line(f"{what}, a new window: all checks", newest["judging"] * 1e3, 150.0, "ms", "what is promised", "<= 1"),
        Line(f"{what}, a new window: reading its profiles", newest["reading"] * 1e3, None, "ms"),
        Line(f"{what}, a new window: storing what was found", newest["storing"] * 1e3, None, "ms"),
        Line(f"{what}, {REJUDGED} days again, no raw row read", many["all"], 5.0, "s", "what is promised", "<= 1"),
        Line(
            f"{what}, a new window of 10^8 rows",
            heavy["all"] * 1e3,
            newest["all"] * 1e3,
            "ms",
            "the same of 10^4 rows",
            "<= 1.2",
        ),
        *(
            Line(f"{what}: a profile of 10^{power} rows", size, 60.0, "KB", "what is promised", "<= 1")
            for power, size in sizes.items()
        ),
    ]


def _profiles(count: int, rows: int) -> tuple[Layout, list[Profile]]:
    """Days of a calibrated model without drift; every row has a score, a latency and a label."""
    rng = np.random.default_rng(3)
    sample = {name: rng.lognormal(size=20_000) for name in FEATURES}
    layout = build_layout(
        Task.BINARY, sample, scores=rng.uniform(size=20_000), classes=["0", "1"], threshold=0.5, confident=0.9
    )
    profiles: list[Profile] = []
    for _ in range(count):
        score = rng.uniform(size=rows)
        label = np.where(rng.uniform(size=rows) < score, "1", "0").astype(object)
        no = np.zeros(rows, np.bool_)
        source = np.full(rows, Source.GROUND_TRUTH.strength, np.int8)
        times = np.full(rows, int(START.timestamp()) * 1_000_000)
        labelled_at = times + rng.integers(0, 86_400_000_000, rows)
        truth = Truth(label, np.full(rows, np.nan), source, no, no, no, labelled_at)
        features = {name: rng.lognormal(size=rows) for name in FEATURES}
        predicted = np.where(score >= 0.5, "1", "0").tolist()
        columns = Rows(times, predicted, [None] * rows, score, rng.lognormal(3, 0.5, rows), truth, features)
        profiles += fold(layout, columns, WindowLength.DAY).values()
    return layout, profiles


def _times(profile: Profile, factor: int) -> Profile:
    """A profile added to itself: that of so many times its rows."""
    total, doubled = None, profile
    while factor:
        if factor & 1:
            total = doubled if total is None else total + doubled
        doubled, factor = doubled + doubled, factor >> 1
    assert total is not None
    return total


def _size(profile: Profile) -> int:
    return len(encode_counts(profile.features)) + len(encode_counts(profile.outcomes))


@contextmanager
def _model(layout: Layout, profiles: list[Profile]) -> Iterator[tuple[Engine, int]]:
    """A database with a model, its reference and its days in production, every one judged once."""
    with tempfile.TemporaryDirectory() as folder:
        engine = engine_for(URL.create("sqlite", database=str(Path(folder) / "bench.sqlite3")))
        migrate.upgrade(engine)
        with write(engine) as connection:
            model = add_model(connection, Model("bench", Task.BINARY), START)
            version = add_version(connection, Version(model.id, "1", deployed_at=START), START)
            before = [
                references.ReferenceProfile(START - (REFERENCE_DAYS - day) * DAY, profiles[day])
                for day in range(REFERENCE_DAYS)
            ]
            kept = references.Reference(layout, profiles[0].rows * REFERENCE_DAYS, True, True, "", START)
            references.replace(connection, version.id, kept, before)
        counting.fold(engine, START)  # finishes the rebuild that a new reference asks for
        with write(engine) as connection:
            for day in range(DAYS):
                save_profile(connection, _packed(version.id, day, profiles[day % len(profiles)]), START)
        judging.evaluate(engine, START + DAYS * DAY)
        yield engine, version.id
        engine.dispose()


def _packed(version_id: int, day: int, profile: Profile) -> PackedProfile:
    outcomes, features = encode_counts(profile.outcomes), encode_counts(profile.features)
    return PackedProfile(version_id, WHOLE, START + day * DAY, 0, profile.rows, outcomes, features)


def _rejudge(engine: Engine, version_id: int, windows: int, rounds: int) -> dict[str, float]:
    """Median seconds of each part, and of the whole, to judge the last windows after their profiles changed."""
    profile = tables.profile.c
    changed = update(tables.profile).where(
        profile.version_id == version_id, profile.window_start >= START + (DAYS - windows) * DAY
    )
    taken: Taken = defaultdict(list)
    for _ in range(rounds + 1):
        with write(engine) as connection:
            connection.execute(changed.values(revision=profile.revision + 1))
        with _timed() as parts:
            began = time.process_time()
            summary = judging.evaluate(engine, START + DAYS * DAY)
            parts["all"] += time.process_time() - began
        assert summary.windows == windows, summary
        for name, seconds in parts.items():
            taken[name].append(seconds)
    return {name: median(seconds[1:]) for name, seconds in taken.items()}


@contextmanager
def _timed() -> Iterator[dict[str, float]]:
    """Seconds that the parts of an evaluation take while this lasts."""
    parts: dict[str, float] = defaultdict(float)
    with ExitStack() as stack:
        for part, functions in PARTS.items():
            for name in functions:
                stack.enter_context(patch.object(judging, name, _stopwatch(getattr(judging, name), parts, part)))
        yield parts


def _stopwatch(work: Callable[..., Any], parts: dict[str, float], part: str) -> Callable[..., Any]:
    def timed(*arguments: Any, **named: Any) -> Any:
        began = time.process_time()
        found = work(*arguments, **named)
        parts[part] += time.process_time() - began
        return found

    return timed


@contextmanager
def _no_raw_row(engine: Engine) -> Iterator[None]:
    """Fails when any statement meanwhile reads the table of predictions."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield
    event.remove(engine, "before_cursor_execute", note)
    assert statements, "no statement was seen at all"
    raw = [one for one in statements if re.search(r"\b(from|join)\s+\"?prediction\"?\b", one, re.IGNORECASE)]
    if raw:
        raise RuntimeError(f"evaluation read predictions: {raw[0]}")


if __name__ == "__main__":
    for line in main():
        print(line)
