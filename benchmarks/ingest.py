"""How fast records get in over HTTP, beside what the same rows cost when they are loaded straight into the database.

Batches: 1,000 predictions of 20 features a request, on a few connections; the baseline is the usual bulk load of the
same rows into the same table, 1,000 a transaction (SQLite `executemany`; PostgreSQL COPY to a temporary table and
insert). Single records: one prediction a request on 64 connections; the baseline is the number we promise. Collector,
database and load generator share the machine's cores.
"""

from __future__ import annotations

import json
import os
import random
import selectors
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import URL, Engine, create_engine, make_url, text

from app.core.model import Model, Task, Version
from app.services.catalogue import register_model, register_version
from app.storage import migrate
from app.storage.engine import engine_for, write
from benchmarks.table import Line, markdown

POSTGRES = os.environ.get("WATCHKEEPER_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
BATCH = 1_000
BATCHES = 60
SENDERS = 4
SINGLES = 10_000
CONNECTIONS = 64
PROMISED_SINGLES = 1_500.0
ROUNDS = 3

COLUMNS = "batch_id, version_id, prediction_id, event_time, features, predicted_class, score, latency_ms"


class Speeds(NamedTuple):
    """Records per second of one round."""

    bulk: float
    batches: float
    singles: float


def main() -> list[Line]:
    """Both databases; of the rounds, which take turns, the best of each, since what disturbs only ever slows down."""
    lines = []
    for database in ("sqlite", "postgresql"):
        rounds = [measure(database) for _ in range(ROUNDS)]
        best = Speeds(*map(max, zip(*rounds, strict=True)))
        what = f"HTTP, batches of {BATCH:,}, {database}"
        lines.append(Line(what, best.batches, best.bulk, "records/s", "own bulk load of the same rows", ">= 0.5"))
        what = f"HTTP, single records, {CONNECTIONS} connections, {database}"
        lines.append(Line(what, best.singles, PROMISED_SINGLES, "records/s", "what is promised", ">= 1"))
    return lines


def measure(database: str) -> Speeds:
    """One round on fresh databases."""
    records = make_records(BATCH * BATCHES)
    with fresh_database(database) as url:
        bulk = len(records) / bulk_load(engine_for(url), records)
    bodies = [json.dumps(records[i : i + BATCH]).encode() for i in range(0, len(records), BATCH)]
    singles = [json.dumps(record).encode() for record in make_records(SINGLES)]
    with fresh_database(database) as url, collector(url) as port:
        batches = len(records) / timed(lambda: send_batches(port, bodies))
        return Speeds(bulk, batches, SINGLES / timed(lambda: send_singles(port, singles)))


def make_records(count: int) -> list[dict[str, Any]]:
    """Predictions of 20 features, as a service would log them."""
    rng = random.Random(7)
    start = datetime.now(UTC) - timedelta(days=2)
    return [
        {
            "model": "benchmark",
            "version": "1",
            "prediction_id": str(uuid.UUID(int=rng.getrandbits(128))) + str(count),
            "timestamp": (start + timedelta(seconds=i)).isoformat(),
            "features": {f"feature_{j}": round(rng.gauss(0, 1), 6) for j in range(20)},
            "prediction": rng.randint(0, 1),
            "score": round(rng.random(), 6),
            "latency_ms": round(rng.expovariate(0.1), 3),
        }
        for i in range(count)
    ]


def timed(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


# --- The baseline: what somebody would write who loads the same rows with a script ------------------------------------


def bulk_load(engine: Engine, records: Sequence[dict[str, Any]]) -> float:
    """Seconds for the rows of the records, made ready beforehand."""
    sqlite = engine.dialect.name == "sqlite"
    rows = [
        (
            *(1, 1, r["prediction_id"]),
            r["timestamp"].replace("T", " ")[:26] if sqlite else datetime.fromisoformat(r["timestamp"]),
            *(json.dumps(r["features"]), str(r["prediction"]), r["score"], r["latency_ms"]),
        )
        for r in records
    ]
    load = executemany if sqlite else copy_and_insert

    def load_all() -> None:
        for start in range(0, len(rows), BATCH):
            load(engine, rows[start : start + BATCH])

    try:
        return timed(load_all)
    finally:
        engine.dispose()


def executemany(engine: Engine, rows: Sequence[tuple[Any, ...]]) -> None:
    with write(engine) as connection:
        connection.connection.cursor().executemany(
            f"INSERT INTO prediction ({COLUMNS}) VALUES (?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING", rows
        )


def copy_and_insert(engine: Engine, rows: Sequence[tuple[Any, ...]]) -> None:
    with write(engine) as connection:
        cursor: Any = connection.connection.cursor()
        cursor.execute(
            f"CREATE TEMPORARY TABLE staging ON COMMIT DROP AS SELECT {COLUMNS} FROM prediction WITH NO DATA"
        )
        with cursor.copy(f"COPY staging ({COLUMNS}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        cursor.execute(f"INSERT INTO prediction ({COLUMNS}) SELECT {COLUMNS} FROM staging ON CONFLICT DO NOTHING")


# --- The load generator -----------------------------------------------------------------------------------------------


def send_batches(port: int, bodies: Sequence[bytes]) -> None:
    """Send every body, on SENDERS connections."""

    def send(share: Sequence[bytes]) -> None:
        connection = HTTPConnection("127.0.0.1", port)
        for body in share:
            connection.request("POST", "/v1/predictions", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            receipt = json.loads(answer.read())
            assert answer.status == 200, receipt
            assert receipt["accepted"] == BATCH, receipt
        connection.close()

    with ThreadPoolExecutor(SENDERS) as pool:
        list(pool.map(send, [bodies[i::SENDERS] for i in range(SENDERS)]))


def send_singles(port: int, bodies: Sequence[bytes]) -> None:
    """Send each body as a request of its own, on CONNECTIONS connections that each wait for their answer."""
    head = "POST /v1/predictions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: "
    requests = iter([f"{head}{len(body)}\r\n\r\n".encode() + body for body in bodies])
    selector = selectors.DefaultSelector()
    for _ in range(CONNECTIONS):
        connection = socket.create_connection(("127.0.0.1", port))
        selector.register(connection, selectors.EVENT_READ)
        connection.sendall(next(requests))
    waiting = CONNECTIONS
    while waiting:
        for key, _ in selector.select():
            connection = key.fileobj  # type: ignore[assignment]
            answer = connection.recv(65_536)
            while answer and not answer.endswith(b"}"):
                answer += connection.recv(65_536)
            assert b"200 OK" in answer, answer
            assert b'"accepted":1,' in answer, answer
            following = next(requests, None)
            if following is None:
                selector.unregister(connection)
                connection.close()
                waiting -= 1
            else:
                connection.sendall(following)


# --- Databases and the collector --------------------------------------------------------------------------------------


@contextmanager
def fresh_database(kind: str) -> Iterator[URL]:
    """An empty database with the schema, one model and one version; gone afterwards."""
    with fresh_sqlite() if kind == "sqlite" else fresh_postgres() as url:
        engine = engine_for(url)
        migrate.upgrade(engine)
        now = datetime.now(UTC)
        register_model(engine, Model("benchmark", Task.BINARY), now)
        register_version(engine, "benchmark", Version(0, "1"), now)
        engine.dispose()
        yield url


@contextmanager
def fresh_sqlite() -> Iterator[URL]:
    with tempfile.TemporaryDirectory() as folder:
        yield URL.create("sqlite", database=str(Path(folder) / "watchkeeper.sqlite3"))


@contextmanager
def fresh_postgres() -> Iterator[URL]:
    admin = create_engine(POSTGRES, isolation_level="AUTOCOMMIT")
    name = f"watchkeeper_benchmark_{uuid.uuid4().hex[:8]}"
    with admin.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    try:
        yield make_url(POSTGRES).set(database=name)
    finally:
        with admin.connect() as connection:
            connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
        admin.dispose()


@contextmanager
def collector(url: URL) -> Iterator[int]:
    """A collector of its own process on a free port; gives the port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "WATCHKEEPER_DATABASE_URL": url.render_as_string(hide_password=False),
        "WATCHKEEPER_PORT": str(port),
    }
    process = subprocess.Popen([sys.executable, "-m", "app.cli", "collect"], env=environment, stderr=subprocess.DEVNULL)
    try:
        wait_until_ready(port, process)
        yield port
    finally:
        process.terminate()
        process.wait()


def wait_until_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        connection = HTTPConnection("127.0.0.1", port)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except ConnectionError:
            time.sleep(0.05)
        finally:
            connection.close()
    raise RuntimeError("the collector did not get ready within 30 seconds")


if __name__ == "__main__":
    print(markdown("Ingest over HTTP", main()))
