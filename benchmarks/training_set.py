"""The peak memory and the speed of exporting a training set, as the command does it: 20 features, SQLite, Parquet.

The model has two versions, so that rows are looked at twice: once for requests that both answered. Each export runs in
a process of its own, so that its peak is its own. For comparison the plain way: everything into pandas, `json.loads`
of each row, and one `to_parquet`. Seconds are those of the processor.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import URL, select

from app.core.model import Version
from app.services.training_files import Format
from app.services.training_sets import Query, export_training_set
from app.storage import migrate, tables
from app.storage.catalogue import add_version, find_model
from app.storage.engine import engine_for, read, write
from benchmarks.fold import START, fill
from benchmarks.table import Line, markdown

SMALL, LARGE = 100_000, 200_000
"""Both beyond what fills the page cache that SQLite is given, 64 MB."""


def main(small: int = SMALL, large: int = LARGE) -> list[Line]:
    """Export a small and a large set, and the large one the plain way."""
    few, many, plain = _measured(small), _measured(large), _measured(large, plain=True)
    what = f"training set of {large:,} rows"
    return [
        Line(f"{what}: peak memory", many["peak_mb"], few["peak_mb"], "MB", f"of {small:,} rows", "<= 1.2"),
        Line(f"{what}: peak memory", many["peak_mb"], plain["peak_mb"], "MB", "pandas and json.loads"),
        Line(
            what, large / many["seconds"], large / plain["seconds"], "rows/s", "the same; no as of, no contested rows"
        ),
    ]


def _measured(rows: int, *, plain: bool = False) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "bench.sqlite3"
        engine = engine_for(URL.create("sqlite", database=str(database)))
        migrate.upgrade(engine)
        fill(engine, rows, labelled=True)
        with write(engine) as connection:
            add_version(connection, Version(find_model(connection, "bench").id, "2"), START)
        engine.dispose()
        answer = subprocess.run(
            [sys.executable, "-m", "benchmarks.training_set", "--plain" if plain else "--export", str(database)],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
    measured: dict[str, float] = json.loads(answer.stdout)
    if measured["rows"] != rows:
        raise RuntimeError(f"{measured['rows']} rows were exported, not {rows}")
    return measured


def _export(database: Path, way: str) -> dict[str, float]:
    started = time.process_time()  # so that other work on the machine does not blur it
    rows = (_plainly if way == "--plain" else _ours)(database)
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"rows": rows, "seconds": time.process_time() - started, "peak_mb": peak_kb * 1024 / 10**6}


def _ours(database: Path) -> int:
    engine = engine_for(URL.create("sqlite", database=str(database)))
    query = Query("bench", START, START + timedelta(days=3))
    return export_training_set(engine, START, query, database.with_suffix(".parquet"), Format.PARQUET).manifest.rows


def _plainly(database: Path) -> int:
    import pandas as pd

    engine = engine_for(URL.create("sqlite", database=str(database)))
    p, c = tables.prediction.c, tables.correction.c
    label = c.label_class.label("label")
    query = select(p.prediction_id, p.event_time, p.score, p.features, label).join(
        tables.correction, c.prediction_id == p.prediction_id
    )
    with read(engine) as connection:
        rows: Any = pd.read_sql(query, connection)
    features = pd.DataFrame.from_records([json.loads(text) for text in rows.pop("features")])
    pd.concat([rows, features], axis=1).to_parquet(database.with_suffix(".parquet"))
    return len(rows)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(json.dumps(_export(Path(sys.argv[2]), sys.argv[1])))
    else:
        print(markdown("Training set", main()))
