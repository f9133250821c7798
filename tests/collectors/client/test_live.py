"""The live version's name in a serving process: fresh, and never a reason to fail."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Any

import pytest

from collectors.client import LiveVersion

Answer = tuple[int, bytes, str]


class Server(ThreadingHTTPServer):
    """Answers questions by its script; when that is over it keeps them until something is added."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: Queue[Answer] = Queue()
        self.asked: deque[dict[str, str]] = deque()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def says(self, status: int, body: bytes = b"", etag: str = "") -> None:
        self.script.put((status, body, etag))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append({"path": self.path, **{k.lower(): v for k, v in self.headers.items()}})
        status, body, etag = self.server.script.get()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if etag:
            self.send_header("ETag", etag)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def follow(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., LiveVersion]]:
    for name in ("WATCHKEEPER_URL", "WATCHKEEPER_KEY", "WATCHKEEPER_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    made: list[LiveVersion] = []

    def make(**settings: Any) -> LiveVersion:
        made.append(LiveVersion("fraud/eu", server.url, **({"retry_delay": lambda _: 0.0} | settings)))
        return made[-1]

    yield make
    for one in made:
        one.close()
        server.says(304)


def test_it_learns_the_name_and_asks_for_news_alone(server: Server, follow: Callable[..., LiveVersion]) -> None:
    told: Queue[str] = Queue()
    live = follow(key="wk_secret", initial="1", on_change=told.put, wait=7)
    assert (live.version, live.ready(0.0)) == ("1", False)
    server.says(200, b'{"version": "2", "more": 1}', '"a"')
    assert live.ready(10)
    assert told.get(timeout=10) == "2"
    server.says(200, b'{"version": "3"}', '"b"')
    assert told.get(timeout=10) == "3"
    assert live.version == "3"
    first, second = server.asked[0], server.asked[1]
    assert (first["path"], first["authorization"]) == ("/v1/models/fraud%2Feu/live?wait=7", "Bearer wk_secret")
    assert "if-none-match" not in first
    assert second["if-none-match"] == '"a"'


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        pytest.param((503, b"", ""), "the collector answered 503", id="the database is away"),
        pytest.param((404, b"", ""), "the collector answered 404", id="no such model"),
        pytest.param((200, b"<html>", ""), "without a live version", id="not the collector"),
        pytest.param((200, b'{"version": null}', '"c"'), "no version is live", id="nothing is live"),
    ],
)
def test_trouble_keeps_what_is_known(
    server: Server, follow: Callable[..., LiveVersion], trouble: Answer, said: str
) -> None:
    told: Queue[str] = Queue()
    live = follow(initial="1", on_change=told.put)
    server.script.put(trouble)
    server.says(200, b'{"version": "2"}', '"d"')
    assert told.get(timeout=10) == "2"  # it went on asking
    assert said in live.last_error
    assert "version stays 1" in live.last_error or "it stays 1" in live.last_error


def test_a_fault_of_the_host_does_not_end_the_asking(server: Server, follow: Callable[..., LiveVersion]) -> None:
    loaded: Queue[str] = Queue()

    def load(version: str) -> None:
        loaded.put(version)
        raise RuntimeError(f"no file for {version}")

    live = follow(on_change=load)
    for name in ("2", "3"):
        server.says(200, b'{"version": "%s"}' % name.encode(), f'"{name}"')
        assert loaded.get(timeout=10) == name
    assert live.version == "3"
    assert "raised RuntimeError: no file for" in live.last_error


def test_a_collector_that_is_not_there_is_no_reason_to_fail() -> None:
    with LiveVersion("fraud", "http://127.0.0.1:9", initial="1", retry_delay=lambda _: 60.0) as live:
        assert not live.ready(0.01)
        assert live.version == "1"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_keeps_what_is_known_and_asks_for_itself(
    server: Server, follow: Callable[..., LiveVersion]
) -> None:
    live = follow()
    server.says(200, b'{"version": "2"}', '"a"')
    assert live.ready(10)
    child = os.fork()
    if child == 0:  # what pytest holds is the parent's: nothing here but the question
        os._exit(0 if live.version == "2" and live._thread is not None and live._thread.is_alive() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize(("setting", "value"), [("wait", 0), ("wait", 61), ("request_timeout", 0)])
def test_settings_that_could_not_work_are_refused(setting: str, value: int) -> None:
    settings: dict[str, Any] = {setting: value}
    with pytest.raises(ValueError, match=f"{setting}: {value}; allowed"):
        LiveVersion("fraud", **settings)
