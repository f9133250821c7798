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
from typing import NamedTuple

from sqlalchemy import URL

from app.core.model import Model, Task, Version
from app.services.catalogue import register_model, register_version
from app.services.imports import import_predictions
from app.storage import migrate
from app.storage.engine import engine_for
from collectors.tabular import ColumnMapping

SIZE_MB = 1_000
PROMISED_MB = 500.0
FEATURES = 20
_BLOCK = 20_000


class Row(NamedTuple):
    """One line of the table; `ours` and `baseline` in MB."""

    name: str
    ours: float
    baseline: float
    ratio: float


def main(size_mb: int = SIZE_MB) -> list[Row]:
    """Make the file, import it into SQLite, and print the table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "predictions.csv"
        make_file(path, size_mb * 10**6)
        answer = subprocess.run(
            [sys.executable, "-m", "benchmarks.import_csv", "--import", str(path)],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
    measured = json.loads(answer.stdout)
    row = Row(
        f"import of a CSV file of {size_mb:,} MB", measured["peak_mb"], PROMISED_MB, measured["peak_mb"] / PROMISED_MB
    )
    print(f"{'peak memory, MB':44}{'ours':>10}{'promised':>10}{'ratio':>8}")
    print(f"{row.name:44}{row.ours:>10,.0f}{row.baseline:>10,.0f}{row.ratio:>8.2f}")
    speed = measured["rows"] / measured["seconds"]
    print(f"{measured['rows']:,} rows in {measured['seconds']:.0f} s, {speed:,.0f} rows/s")
    return [row]


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
        main(*map(int, sys.argv[1:2]))
