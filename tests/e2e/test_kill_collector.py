"""What the collector has acknowledged is there, once, however often it is killed under load."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine, func, select

from app.api import run
from app.cli import main
from app.core.model import Model, Task, Version
from app.services.catalogue import register_model, register_version
from app.storage import tables
from app.storage.engine import read

IMPORTED = (run,)  # once, by the process that every collector is forked from
KILLS = 20
SENDERS = 6
LOAD_SECONDS = 0.4  # from the first acknowledgement to the kill
START_SECONDS = 30.0
NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)


class Sender(threading.Thread):
    """Sends small batches as fast as they are acknowledged, until the collector is gone; remembers what was."""

    def __init__(self, port: int, prefix: str, first: threading.Event) -> None:
        super().__init__()
        self._port, self._prefix, self._first = port, prefix, first
        self.acknowledged: list[str] = []

    def run(self) -> None:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=30)
        number = 0
        try:
            while True:
                keys = [f"{self._prefix}-{number + i}" for i in range(1 + number % 7)]
                number += len(keys)
                connection.request("POST", "/v1/predictions", batch(keys), {"Content-Type": "application/json"})
                answer = connection.getresponse()
                receipt = json.loads(answer.read())
                assert answer.status == 200, receipt
                assert receipt["accepted"] == len(keys), receipt
                self.acknowledged += keys
                self._first.set()
        except (OSError, HTTPException):
            return  # killed
        finally:
            connection.close()


def batch(keys: list[str]) -> bytes:
    records = [
        {
            "model": "fraud",
            "version": "1",
            "prediction_id": key,
            "timestamp": "2026-11-20T10:00:00Z",
            "features": {"key": key, "age": 31},
            "score": 0.5,
        }
        for key in keys
    ]
    return json.dumps(records).encode()


def collect(environment: dict[str, str]) -> None:
    """`watchkeeper collect`, for as long as it lives."""
    os.environ.clear()
    os.environ.update(environment)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    sys.argv = ["watchkeeper", "collect"]
    main()


def start_collector(forks: ForkServerContext, url: URL, data_dir: Path) -> tuple[ForkServerProcess, int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("WATCHKEEPER_")},
        "WATCHKEEPER_DATABASE_URL": url.render_as_string(hide_password=False),
        "WATCHKEEPER_DATA_DIR": str(data_dir),
        "WATCHKEEPER_PORT": str(port),
    }
    process = forks.Process(target=collect, args=(environment,), daemon=True)
    process.start()
    deadline = time.monotonic() + START_SECONDS
    while process.is_alive() and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return process, port
    process.kill()
    pytest.fail("the collector did not start")


def load_and_kill(forks: ForkServerContext, url: URL, data_dir: Path, name: str) -> list[str]:
    """Start a collector, load it, kill it without a warning; the ids that it had acknowledged."""
    process, port = start_collector(forks, url, data_dir)
    first = threading.Event()
    senders = [Sender(port, f"{name}-{i}", first) for i in range(SENDERS)]
    try:
        for sender in senders:
            sender.start()
        assert first.wait(START_SECONDS), "nothing was acknowledged"
        time.sleep(LOAD_SECONDS)
    finally:
        process.kill()
        process.join()
        for sender in senders:
            sender.join()
    return [key for sender in senders for key in sender.acknowledged]


@pytest.mark.slow
def test_every_acknowledged_record_is_there_once(
    forks: ForkServerContext, database_url: URL, engine: Engine, tmp_path: Path
) -> None:
    register_model(engine, Model("fraud", Task.BINARY), NOW)
    register_version(engine, "fraud", Version(0, "1"), NOW)

    acknowledged = [key for kill in range(KILLS) for key in load_and_kill(forks, database_url, tmp_path, str(kill))]

    with read(engine) as connection:
        stored = Counter(connection.scalars(select(tables.prediction.c.prediction_id)))
        batches = connection.execute(
            select(tables.batch.c.predictions, func.count(tables.prediction.c.id))
            .join_from(tables.batch, tables.prediction, tables.prediction.c.batch_id == tables.batch.c.id, isouter=True)
            .group_by(tables.batch.c.id)
        ).all()
    assert len(acknowledged) > KILLS * SENDERS
    assert [key for key in acknowledged if key not in stored] == []
    assert [key for key, count in stored.items() if count > 1] == []
    assert [(said, held) for said, held in batches if said != held] == []
