"""The other ends, on this machine: they take the Slack message, the mail and the retraining request, and keep them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TypeAlias

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from app.demo.errors import DemoError

HOST = "127.0.0.1"
TOLERANCE_SECONDS = 300
SLACK_PATH, RETRAINING_PATH = "/slack", "/retraining"
SLACK, EMAIL, RETRAINING, SIGNATURES = "slack-*.json", "email-*.eml", "retraining-*.json", "retraining-*.headers"
"""The names under which messages are kept as they arrived, numbered in their order."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the receivers listen."""

    http: int
    smtp: int

    @classmethod
    def free(cls) -> Ports:
        """Two ports that nobody uses at this moment."""
        with socket.create_server((HOST, 0)) as one, socket.create_server((HOST, 0)) as other:
            return cls(one.getsockname()[1], other.getsockname()[1])


Take: TypeAlias = Callable[[str, bytes], None]
"""Takes a request whose signature is right: its id and its body."""


@contextmanager
def receiving(folder: Path, ports: Ports, secret: str, take: Take) -> Iterator[None]:
    """Listen on the ports and keep what arrives in `folder`. `secret` (whsec_...) is what requests are signed with.

    Raises DemoError when a port is taken.
    """
    folder.mkdir(parents=True, exist_ok=True)
    inbox = _Inbox(folder)
    with _http(inbox, ports.http, base64.b64decode(secret.removeprefix("whsec_")), take), _mail(inbox, ports.smtp):
        yield


@contextmanager
def _http(inbox: _Inbox, port: int, key: bytes, take: Take) -> Iterator[None]:
    try:
        server = _Server((HOST, port), inbox, key, take)
    except OSError as error:
        raise _taken(port, error) from None
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def _mail(inbox: _Inbox, port: int) -> Iterator[None]:
    controller = Controller(_Mailbox(inbox), hostname=HOST, port=port)
    try:
        controller.start()
    except OSError as error:
        raise _taken(port, error) from None
    try:
        yield
    finally:
        controller.stop()


def _taken(port: int, error: OSError) -> DemoError:
    return DemoError(f"cannot listen on port {port} ({error.strerror}); is this demo being served already?")


def newest(folder: Path, names: str) -> Path | None:
    """The last message that arrived under one of these names."""
    return max(folder.glob(names), default=None)


class _Inbox:
    """Numbers what arrives and writes it down. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def keep(self, names: str, content: bytes) -> None:
        with self._lock:
            number = 1 + len(list(self._folder.glob(names)))
            (self._folder / names.replace("*", f"{number:05d}")).write_bytes(content)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], inbox: _Inbox, key: bytes, take: Take) -> None:
        self.inbox, self.key, self.take = inbox, key, take
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == SLACK_PATH:
            self.server.inbox.keep(SLACK, body)
            self._answer(HTTPStatus.OK, b"ok")
        elif self.path != RETRAINING_PATH:
            self._answer(HTTPStatus.NOT_FOUND)
        elif not self._is_signed(body):
            self._answer(HTTPStatus.UNAUTHORIZED)
        else:
            self.server.inbox.keep(RETRAINING, body)
            self.server.inbox.keep(SIGNATURES, str(self.headers).encode())
            self.server.take(self.headers["webhook-id"], body)
            self._answer(HTTPStatus.NO_CONTENT)

    def _is_signed(self, body: bytes) -> bool:
        """Whether the sender knows the secret, by the rules of Standard Webhooks and without Watchkeeper's code."""
        said = [self.headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")]
        content = b".".join([said[0].encode(), said[1].encode(), body])
        expected = base64.b64encode(hmac.digest(self.server.key, content, hashlib.sha256)).decode()
        return any(hmac.compare_digest(f"v1,{expected}", signature) for signature in said[2].split()) and _recent(
            said[1]
        )

    def _answer(self, status: HTTPStatus, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it
        """What arrives is kept; a line per request would break the progress bar."""


def _recent(timestamp: str) -> bool:
    """Whether that is within minutes of now: an old request that is sent again by somebody else is refused."""
    return abs(time.time() - float(timestamp)) <= TOLERANCE_SECONDS


@dataclass(frozen=True, slots=True)
class _Mailbox:
    """Takes every mail."""

    inbox: _Inbox

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's name
        content = envelope.content or b""
        self.inbox.keep(EMAIL, content if isinstance(content, bytes) else content.encode())
        return "250 kept"
