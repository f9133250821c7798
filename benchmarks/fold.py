"""How fast stored rows become profiles: 20 numeric features, one core, SQLite and PostgreSQL.

    python -m benchmarks.fold [--rows 200000] [--sqlite-only]

Rows are stored as the collector stores them and then folded. What is counted is the processor time of the folding
process (without the PostgreSQL server's), so that other work on the machine does not blur it. For comparison the plain
way: read the same rows, `json.loads` each, and `numpy.histogram` per feature and day; it looks up no labels.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from sqlalchemy import URL, Engine, create_engine, make_url, text

from app.core.layout import build_layout
from app.core.model import Model, Source, Task, Version
from app.core.profile import Profile
from app.services.counting import saving
from app.services.fold import fold
from app.storage import ingest, migrate, references, tables
from app.storage.catalogue import add_model, add_version
from app.storage.engine import engine_for, read, write
from benchmarks.table import Line, markdown

FEATURES = [f"feature_{i:02d}" for i in range(20)]
START = datetime(2026, 3, 1, tzinfo=UTC)
BATCH = 1_000
REPEATS = 3


def main(rows: int = 100_000, databases: Sequence[str] = ("sqlite", "postgresql")) -> list[Line]:
    """Both databases, without labels and with a label for every row."""
    lines: list[Line] = []
    for name in databases:
        for labelled in (False, True):
            with (empty_sqlite if name == "sqlite" else empty_postgres)() as engine:
                lines += measure(engine, rows, labelled=labelled)
    return lines


def measure(engine: Engine, rows: int, *, labelled: bool) -> list[Line]:
    """Fill the database, then count its rows in both ways; the best of three, as other work can only slow one down."""
    version_id = fill(engine, rows, labelled=labelled)
    fold(engine, START)  # nothing waits yet: what this loads and prepares is no part of the measure
    with write_times() as writes:
        ours = max(rows / _fold_anew(engine) for _ in range(REPEATS))
    plain = max(rows / processor_time(lambda: plain_way(engine, version_id)) for _ in range(REPEATS))
    what = f"{engine.dialect.name}, {'every row labelled' if labelled else 'no labels'}"
    wanted = "" if labelled else ">= 150,000 rows/s"
    return [
        Line(what, ours, plain, "rows/s", "json.loads and numpy.histogram, which looks up no label", wanted),
        Line(f"{what}: longest write", max(writes) * 1e3, 100.0, "ms", "what others may have to wait", "about 1"),
    ]


def _fold_anew(engine: Engine) -> float:
    nothing_said = {"label_class": None, "label_source": None}
    with write(engine) as connection:
        connection.execute(tables.profile.delete())
        connection.execute(tables.batch.update().values(folded_at=None))
        connection.execute(
            tables.prediction.update().where(tables.prediction.c.label_source.is_not(None)).values(**nothing_said)
        )
    return processor_time(lambda: fold(engine, START))


def processor_time(work: Callable[[], object]) -> float:
    """Seconds of this process's processor time."""
    began = time.process_time()
    work()
    return time.process_time() - began


@contextmanager
def write_times() -> Iterator[list[float]]:
    """Seconds that each write transaction of the fold took, waiting for the disk included."""
    from unittest.mock import patch

    taken: list[float] = []

    @contextmanager
    def timed(*arguments: object) -> Iterator[object]:
        began = time.perf_counter()
        with saving(*arguments) as connection:  # type: ignore[arg-type]
            yield connection
        taken.append(time.perf_counter() - began)

    with patch("app.services.fold.saving", timed):
        yield taken


def fill(engine: Engine, rows: int, *, labelled: bool) -> int:
    """A model of the last days with a reference, and batches of its predictions that are marked as folded."""
    rng = np.random.default_rng(7)
    sample = {name: rng.normal(size=20_000) for name in FEATURES}
    scores = rng.uniform(size=20_000)
    layout = build_layout(Task.BINARY, sample, scores=scores, classes=["0", "1"], threshold=0.5, confident=0.9)
    with write(engine) as connection:
        model = add_model(connection, Model("bench", Task.BINARY), START)
        version = add_version(connection, Version(model.id, "1"), START)
        reference = references.Reference(layout, 0, False, True, "", START)
        references.replace(
            connection, version.id, reference, [references.ReferenceProfile(None, Profile.empty(layout))]
        )
    every = timedelta(days=3) / rows
    for first in range(0, rows, BATCH):
        size = min(BATCH, rows - first)
        values, score = rng.normal(size=(size, len(FEATURES))).tolist(), rng.uniform(size=size).tolist()
        keys = [uuid.UUID(bytes=rng.bytes(16)).hex for _ in range(size)]
        texts = [json.dumps(dict(zip(FEATURES, row, strict=True))) for row in values]
        predictions = [
            (
                *(
                    version.id,
                    keys[i],
                    START + (first + i) * every,
                    texts[i],
                    str(int(score[i] >= 0.5)),
                    None,
                    score[i],
                ),
                *(None, 12.5, None, None, None),
            )
            for i in range(size)
        ]
        corrections = [
            (model.id, None, key, START, Source.GROUND_TRUTH.value, "1", None, None, False, None, None, key[:32])
            for key in keys
        ]
        with write(engine) as connection:
            batch = ingest.Rows(predictions, corrections if labelled else ())
            ingest.insert_rows(connection, [batch], START)
            connection.execute(tables.batch.update().values(folded_at=START))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    return version.id


def plain_way(engine: Engine, version_id: int) -> None:
    """What one writes first: a dictionary per row, a histogram per feature and day."""
    edges = np.linspace(-4, 4, 128)
    windows: dict[object, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    p = tables.prediction
    with read(engine) as connection:
        query = p.select().with_only_columns(p.c.event_time, p.c.features, p.c.score, p.c.label_class)
        for row in connection.execute(query.where(p.c.version_id == version_id)):
            columns = windows[row.event_time.date()]
            for name, value in json.loads(row.features).items():
                columns[name].append(value)
            columns["score"].append(row.score)
    for columns in windows.values():
        for values in columns.values():
            np.histogram(np.array(values), edges)


@contextmanager
def empty_sqlite() -> Iterator[Engine]:
    with tempfile.TemporaryDirectory() as folder:
        engine = engine_for(URL.create("sqlite", database=str(Path(folder) / "bench.sqlite3")))
        migrate.upgrade(engine)
        yield engine
        engine.dispose()


@contextmanager
def empty_postgres() -> Iterator[Engine]:
    server = make_url(
        os.environ.get("WATCHKEEPER_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
    )
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    name = f"watchkeeper_bench_{uuid.uuid4().hex[:12]}"
    with admin.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    engine = engine_for(server.set(database=name))
    try:
        migrate.upgrade(engine)
        yield engine
    finally:
        engine.dispose()
        with admin.connect() as connection:
            connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
        admin.dispose()


if __name__ == "__main__":
    print(markdown("Fold", main()))
