"""`watchkeeper up`: one command, three processes, and a good end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

PATIENCE = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def up(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], int, int]]:
    """The running command, the collector's port and the dashboard's."""
    collector, dashboard = free_port(), free_port()
    environment = {
        **os.environ,
        "WATCHKEEPER_DATA_DIR": str(tmp_path),
        "WATCHKEEPER_PORT": str(collector),
        "WATCHKEEPER_DASHBOARD_PORT": str(dashboard),
        "WATCHKEEPER_FOLD_INTERVAL_SECONDS": "1",
        "WATCHKEEPER_WORK_INTERVAL_SECONDS": "1",
    }
    environment.pop("WATCHKEEPER_DATABASE_URL", None)
    process = subprocess.Popen([sys.executable, "-m", "app.cli", "up"], env=environment)
    yield process, collector, dashboard
    if process.poll() is None:
        process.kill()


def wait_for(url: str) -> httpx.Response:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            answer = httpx.get(url, timeout=5)
            if answer.status_code == 200:
                return answer
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"{url} did not answer within {PATIENCE:.0f} s")


def test_three_processes_serve_and_end_together(up: tuple[subprocess.Popen[bytes], int, int]) -> None:
    process, collector, dashboard = up
    api = f"http://127.0.0.1:{collector}"
    wait_for(f"{api}/readyz")
    wait_for(f"http://127.0.0.1:{dashboard}/_stcore/health")

    created = httpx.post(f"{api}/v1/models", json={"name": "m", "task": "binary", "window": "hour"})
    assert created.is_success, created.text
    assert httpx.post(f"{api}/v1/models/m/versions", json={"name": "1"}).is_success
    two_hours_ago = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 7200))
    record = {
        "model": "m",
        "version": "1",
        "prediction_id": "a",
        "timestamp": two_hours_ago,
        "features": {"x": 1},
        "score": 0.7,
    }
    stored = httpx.post(f"{api}/v1/predictions", json=record).json()
    assert stored == {"accepted": 1, "duplicates": 0, "rejected": []}

    deadline = time.monotonic() + PATIENCE
    found: list[dict[str, object]] = []
    while not found and time.monotonic() < deadline:
        found = httpx.get(f"{api}/v1/measurements", params={"model": "m", "check": "volume"}).json()
        time.sleep(0.2)
    assert found
    assert found[0]["value"] == 1.0
    assert found[0]["outcome"] == "not_evaluated"  # one window is not enough to know what is normal

    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0
    for port in (collector, dashboard):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0, "a process outlived the command"
