"""The collector as a process of its own, and the one who posts to it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import msgspec

from app.demo.errors import DemoError
from app.demo.receivers import Ports
from app.settings import PREFIX, Settings

BATCH = 1_000
START_SECONDS = 60.0
TIMEOUT_SECONDS = 600.0
"""A reference or a training set of a year takes a while on a busy machine."""
STOP_SECONDS = 30.0


class Collector:
    """Posts to a collector, and insists that everything is accepted."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=TIMEOUT_SECONDS, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def ready(self) -> bool:
        """Whether records can be stored now."""
        try:
            return self._http.get("/readyz").is_success
        except httpx.TransportError:
            return False

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Post one object; the answer."""
        return _checked(self._http.post(path, content=msgspec.json.encode(body), headers=_JSON)).json()

    def get(self, path: str) -> Any:
        """What is there."""
        return _checked(self._http.get(path)).json()

    def put_reference(self, path: str, file: Path, columns: Mapping[str, str]) -> dict[str, Any]:
        """Upload a Parquet file; what the collector says about it."""
        headers = {"Content-Type": "application/vnd.apache.parquet"}
        answer: dict[str, Any] = _checked(
            self._http.put(path, content=file.read_bytes(), params=columns, headers=headers)
        ).json()
        return answer

    def live(self, model: str, known: str) -> tuple[dict[str, Any], str] | None:
        """Which version is live, and the tag of that answer; None when that is `known`."""
        headers = {"If-None-Match": known} if known else {}
        answer = self._http.get(f"/v1/models/{model}/live", headers=headers)
        if answer.status_code == HTTPStatus.NOT_MODIFIED:
            return None
        return _checked(answer).json(), answer.headers["etag"]

    def make_live(self, model: str, version: str, author: str, reason: str) -> None:
        """Promote a version."""
        body = {"author": author, "reason": reason}
        self.post(f"/v1/models/{model}/versions/{version}/live", body)

    def report(self, run: str, state: str, **said: str) -> None:
        """Say how a retraining run stands."""
        self.post(f"/v1/retraining/{run}", {"state": state, **said})

    def training_set(self, model: str, since: datetime, until: datetime) -> tuple[bytes, str]:
        """The labelled flights that departed in [since, until) as Parquet, and the hash of what they hold."""
        span = {"since": since.isoformat(), "until": until.isoformat()}
        answer = _checked(self._http.get(f"/v1/models/{model}/training-set", params=span))
        manifest = answer.links["describedby"]["url"]
        return answer.content, manifest.rpartition("/")[2]

    def send(self, path: str, records: Sequence[Mapping[str, Any]]) -> None:
        """Post records in batches; each is stored when its answer comes. Raises DemoError when one is not accepted."""
        for start in range(0, len(records), BATCH):
            batch = records[start : start + BATCH]
            answer = _checked(self._http.post(path, content=msgspec.json.encode(batch), headers=_JSON)).json()
            if answer["accepted"] != len(batch):
                raise DemoError(f"{path}: {answer['accepted']} of {len(batch)} records were accepted: {answer}")


_JSON = {"Content-Type": "application/json"}


def _checked(answer: httpx.Response) -> httpx.Response:
    if not answer.is_success:
        raise DemoError(f"the collector answered {answer.status_code} to {answer.url.path}: {answer.text[:500]}")
    return answer


@contextmanager
def collecting(settings: Settings, clock: Path) -> Iterator[Collector]:
    """A collector on a free port of this machine, on the settings' data folder. It writes to collector.log there.

    `clock` is the file of the time that it goes by.
    """
    port = Ports.free().http
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    environment = {**kept, PREFIX + "DATA_DIR": str(settings.data_dir), PREFIX + "PORT": str(port)}
    log = settings.data_dir / "collector.log"
    with log.open("ab") as output:
        command = [sys.executable, "-m", "app.demo.collect", str(clock)]
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)  # noqa: S603  our own
    collector = Collector(port)
    try:
        _wait(collector, process, log)
        yield collector
    finally:
        collector.close()
        _stop(process)


def _wait(collector: Collector, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not collector.ready():
        if process.poll() is not None:
            raise DemoError(f"the collector ended with code {process.returncode} at its start; {log} says why")
        if time.monotonic() > deadline:
            raise DemoError(f"the collector was not ready after {START_SECONDS:.0f} s; {log} may say why")
        time.sleep(0.05)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
