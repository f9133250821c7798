"""A collector over real HTTP: stores by id as the real one does, and fails as it is told."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Request:
    """What arrived, and when on the monotonic clock."""

    path: str
    headers: Mapping[str, str]
    rows: Rows
    at: float


@dataclass(frozen=True)
class Step:
    """How to treat one request: status None closes the connection without an answer."""

    status: int | None = None
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    store: bool = False
    hold: threading.Event | None = None
    cut: int = 0


class Collector:
    """Answers each request by the next step of its script, and by the book when the script is over."""

    def __init__(self, port: int = 0) -> None:
        self.script: deque[Step] = deque()
        self.requests: list[Request] = []
        self.stored: dict[str, list[str]] = {"/v1/predictions": [], "/v1/corrections": []}
        self.rows: Rows = []
        self.connections = 0
        self.most_rows = 10**9
        self.fault: Callable[[dict[str, Any]], str | None] = lambda row: None
        self.refuse: dict[str, Step] = {}
        self.lock = threading.Lock()
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.collector = self
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def ids(self, path: str = "/v1/predictions") -> list[str]:
        return self.stored[path]

    def answer(self, request: Request) -> Step:
        with self.lock:
            self.requests.append(request)
            if request.path not in self.stored:  # a report of the client, which is no record
                return self.refuse.get(request.path, Step(200))
            step = self.script.popleft() if self.script else Step(200, store=True)
            if not step.store:
                return step
            if len(request.rows) > self.most_rows:
                return Step(413, b'{"error": "body: too large"}')
            status, account = self._store(request)
            return Step(step.status and status, json.dumps(account).encode(), step.headers, True, step.hold)

    def _store(self, request: Request) -> tuple[int, dict[str, Any]]:
        rejected, duplicates, stored = [], 0, self.stored[request.path]
        for index, row in enumerate(request.rows):
            if error := self.fault(row):
                rejected.append({"index": index, "field": "features", "value": row["features"], "error": error})
            elif row["prediction_id"] in stored:
                duplicates += 1
            else:
                stored.append(row["prediction_id"])
                self.rows.append(row)
        accepted = len(request.rows) - duplicates - len(rejected)
        status = 422 if len(rejected) == len(request.rows) else 200
        return status, {"accepted": accepted, "duplicates": duplicates, "rejected": rejected}


class _Server(ThreadingHTTPServer):
    collector: Collector
    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        with self.server.collector.lock:
            self.server.collector.connections += 1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        rows = [json.loads(line) for line in body.splitlines()]
        headers = {name.lower(): value for name, value in self.headers.items()}
        step = self.server.collector.answer(Request(self.path, headers, rows, time.monotonic()))
        if step.hold is not None:
            step.hold.wait(30)
        if step.status is None:
            self.close_connection = True
            return
        self._respond(step, step.status)

    def _respond(self, step: Step, status: int) -> None:
        try:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(step.body) + step.cut), **step.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(step.body)
        except (BrokenPipeError, ConnectionResetError):  # the client's patience ended first
            self.close_connection = True
        self.close_connection = self.close_connection or step.cut > 0

    def log_message(self, *_: object) -> None:
        """Keep the output of the tests quiet."""
