"""The peak memory and the speed of importing one large CSV file of predictions, as the command does it.

The import runs in a process of its own, so that its peak is its own. The promise is 500 MB for a file of 1 GB; the
size in megabytes may be given as an argument.
"""

from __future__ import annotations

import csv
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import URL

from app.core.model import Model, Task, Version
from app.services.catalogue import register_model, register_version
from app.services.imports import import_predictions
from app.storage import migrate
from app.storage.engine import engine_for
from benchmarks.table import Line, markdown
from collectors.tabular import ColumnMapping

SIZE_MB = 1_000
PROMISED_MB = 500.0
FEATURES = 20
_BLOCK = 20_000


def main(size_mb: int = SIZE_MB) -> list[Line]:
    """Make the file and import it into SQLite."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "predictions.csv"
        make_file(path, size_mb * 10**6)
        answer = subprocess.run(
            [sys.executable, "-m", "benchmarks.import_csv", "--import", str(path)],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        plain = _plain_reading(path)
    measured = json.loads(answer.stdout)
    what = f"import of a CSV file of {size_mb:,} MB, {measured['rows']:,} rows"
    return [
        Line(f"{what}: peak memory", measured["peak_mb"], PROMISED_MB, "MB", "what is promised", "<= 1"),
        Line(what, measured["seconds"], plain, "s", "Python's csv module merely reading it"),
    ]


def _plain_reading(path: Path) -> float:
    started = time.perf_counter()
    with path.open(newline="") as file:
        for _ in csv.reader(file):
            pass
    return time.perf_counter() - started


def make_file(path: Path, size: int) -> None:
    """Write rows until the file has `size` bytes: the same random features again and again under new ids and times."""
    rng = random.Random(7)
    block = [
        [f"{rng.gauss(0, 1):.6f}" for _ in range(FEATURES - 4)]
        + [rng.choice(("north", "south", "east")) for _ in range(4)]
        for _ in range(_BLOCK)
    ]
    start, rows = datetime.now(UTC) - timedelta(days=300), 0
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "at", "score", *(f"feature_{n}" for n in range(FEATURES))])
        while file.tell() < size:
            for features in block:
                writer.writerow(
                    [f"r{rows}", (start + timedelta(seconds=rows)).isoformat(), f"{rng.random():.6f}", *features]
                )
                rows += 1


def import_file(path: Path) -> dict[str, float]:
    """Import the file into a new database beside it; rows, seconds and the peak memory of this process."""
    engine = engine_for(URL.create("sqlite", database=str(path.with_suffix(".sqlite3"))))
    migrate.upgrade(engine)
    now = datetime.now(UTC)
    model = register_model(engine, Model(name="benchmark", task=Task.BINARY), now)
    version = register_version(engine, model.name, Version(model_id=model.id, name="1"), now)
    started = time.perf_counter()
    mapping = ColumnMapping(id="id", timestamp="at", score="score")
    summary = import_predictions(engine, model, version, path, mapping, now=now)
    seconds = time.perf_counter() - started
    engine.dispose()
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"rows": summary.accepted, "seconds": seconds, "peak_mb": peak_kb * 1024 / 10**6}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--import"]:
        print(json.dumps(import_file(Path(sys.argv[2]))))
    else:
        print(markdown("Import", main(*map(int, sys.argv[1:2]))))
