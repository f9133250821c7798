"""Real servers on this machine, to send to: HTTP and SMTP, friendly, slow, failing, lying or gone.

And what the services that channels speak to answer to a message, by what their documentation says they take.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass(frozen=True)
class Received:
    """One request as it arrived. Names of headers in lower case."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    method: str = "POST"

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """What the server is to answer, how long it thinks before, and how long it pauses after each byte of the body."""

    status: int = 200
    body: bytes = b"ok"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drip: float = 0.0


@dataclass
class HttpReceiver:
    """What arrived, and what is answered: one reply for each request, or the function that makes them."""

    port: int
    reply: Callable[[Received], Reply] = lambda _: Reply()
    scheme: str = "http"
    received: list[Received] = field(default_factory=list)

    def url(self, path: str = "/hook") -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}{path}"


@contextmanager
def http_receiver(tls: ssl.SSLContext | None = None) -> Iterator[HttpReceiver]:
    """An HTTP server on a free port of 127.0.0.1; with `tls` it speaks HTTPS."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            request = Received(
                self.path, {key.lower(): value for key, value in self.headers.items()}, body, self.command
            )
            receiver.received.append(request)
            self.answer(receiver.reply(request))

        do_GET = do_POST  # noqa: N815  the base class names it

        def answer(self, reply: Reply) -> None:
            time.sleep(reply.delay)
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            for piece in [reply.body] if not reply.drip else [bytes([byte]) for byte in reply.body]:
                self.wfile.write(piece)
                time.sleep(reply.drip)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it
            """Tests look at what arrived, not at a log."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that hangs up is what some tests want."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    receiver = HttpReceiver(server.server_address[1], scheme="https" if tls else "http")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def slack_webhook(request: Received) -> Reply:
    """An incoming webhook of Slack: `ok`, or a code."""
    return Reply(200, b"ok") if within_slacks_limits(request) else Reply(400, b"invalid_blocks")


def within_slacks_limits(request: Received) -> bool:
    """Whether Slack would take the blocks, all together and each; 13,000 characters is where whole messages fail."""
    limits = {"header": 150, "section": 3000, "context": 2000, "actions": 75}
    blocks, whole = request.json["blocks"], len(json.dumps(request.json, ensure_ascii=False))
    for block in blocks:
        parts = [part.get("text") for part in block.get("elements", [])] or [block["text"]]
        texts = [part["text"] if isinstance(part, dict) else part for part in parts]
        if len(texts) > 10 or not all(0 < len(text) <= limits[block["type"]] for text in texts):
            return False
    return bool(request.json["text"]) and 0 < len(blocks) <= 50 and whole < 13_000


def slack_api(request: Received) -> Reply:
    """Slack's Web API: status 200 for whatever happened, and the truth in the body."""
    if not request.headers.get("authorization", "").startswith("Bearer xoxb-"):
        return Reply(200, b'{"ok": false, "error": "not_authed"}')
    if not within_slacks_limits(request):
        return Reply(200, b'{"ok": false, "error": "invalid_blocks"}')
    sent = request.json
    if request.path.endswith("/chat.update"):
        return Reply(200, json.dumps({"ok": True, "channel": sent["channel"], "ts": sent["ts"]}).encode())
    stamp = f"1503435956.{hash(request.body) % 1_000_000:06}"
    return Reply(200, json.dumps({"ok": True, "channel": "C0123ABCDEF", "ts": stamp}).encode())


def pagerduty(request: Received) -> Reply:
    """The Events API v2: 202 for an event that is whole, 400 with the errors for another."""
    sent = request.json
    whole = len(sent.get("routing_key", "")) == 32
    if request.path == "/v2/enqueue":
        action = sent.get("event_action")
        whole &= action in {"trigger", "acknowledge", "resolve"} and 0 < len(sent.get("dedup_key", "")) <= 255
        if action == "trigger":
            head = sent["payload"]
            whole &= 0 < len(head["summary"]) <= 1024 and bool(head["source"])
            whole &= head["severity"] in {"critical", "error", "warning", "info"}
    else:
        whole &= request.path == "/v2/change/enqueue" and bool(sent["payload"]["summary"])
    if not whole or len(request.body) > 512 * 1024:
        return Reply(400, b'{"status": "invalid event", "message": "Event object is invalid", "errors": []}')
    return Reply(202, b'{"status": "success", "message": "Event processed", "dedup_key": "k"}')


def alertmanager(request: Received) -> Reply:
    """The API v2 of Alertmanager: 200 without a body, or 400 with a text about the first alert that is wrong."""
    for alert in request.json if request.path == "/api/v2/alerts" else [{}]:
        times = [datetime.fromisoformat(alert[name]) for name in ("startsAt", "endsAt") if name in alert]
        labels = alert.get("labels", {})
        right = all(re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", name) and value for name, value in labels.items())
        if not labels.get("alertname") or not right or times != sorted(times) or any(t.tzinfo is None for t in times):
            return Reply(400, b'"start time must be before end time"')
    return Reply(200, b"")


def opsgenie(request: Received) -> Reply:
    """The alert API: 202 and an id of the request, or 422 for what is over a limit."""
    if not re.fullmatch("GenieKey .+", request.headers.get("authorization", "")):
        return Reply(401, b'{"message": "Could not authenticate", "took": 0.001}')
    sent, path = request.json, urlsplit(request.path)
    limits = {"message": 130, "alias": 512, "description": 15000, "entity": 512, "source": 100, "note": 25000}
    whole = all(len(sent.get(name, "")) <= limit for name, limit in limits.items())
    if path.path == "/v2/alerts":
        whole &= bool(sent["message"]) and sent["priority"] in {"P1", "P2", "P3", "P4", "P5"}
    else:
        whole &= bool(re.fullmatch("/v2/alerts/[^/]+/(close|acknowledge|notes)", path.path))
        whole &= path.query == "identifierType=alias"
    if not whole:
        return Reply(422, b'{"message": "Request body is not processable", "took": 0.001}')
    return Reply(202, b'{"result": "Request will be processed", "took": 0.107, "requestId": "43a29c5c"}')


def teams(request: Received) -> Reply:
    """A workflow that is started by a webhook: 202, and 413 for a card that Teams would not show."""
    cards = [part for part in request.json["attachments"] if part["contentType"].endswith(".card.adaptive")]
    if request.json["type"] != "message" or not cards or len(request.body) > 28 * 1024:
        return Reply(413)
    return Reply(202, b"")


@contextmanager
def raw_receiver(said: bytes, pause: float = 0.0) -> Iterator[int]:
    """A server that says some bytes to everyone, with a pause after each, whatever it hears; its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=speak, args=(connection,), daemon=True).start()

    def speak(connection: socket.socket) -> None:
        with connection:
            try:
                for byte in said:
                    connection.sendall(bytes([byte]))
                    time.sleep(pause)
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(5)
                while connection.recv(65536):
                    pass
            except OSError:
                return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def closed_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@dataclass
class SmtpReceiver:
    """The mails that arrived, and what the server says: to each recipient, and to the mail."""

    port: int = 0
    to_recipient: Callable[[str], str] = lambda _: "250 OK"
    to_mail: str = "250 OK"
    mails: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802  aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        said = self.to_recipient(address)
        if said.startswith("2"):
            envelope.rcpt_tos.append(address)
        return said

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.to_mail.startswith("2"):
            content = envelope.content if isinstance(envelope.content, bytes) else b""
            mail = message_from_bytes(content, policy=policy.default)
            assert isinstance(mail, EmailMessage)
            self.mails.append(mail)
            self.envelopes.append((envelope.mail_from or "", list(envelope.rcpt_tos)))
        return self.to_mail


@contextmanager
def smtp_receiver(
    *, starttls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None, password: str = ""
) -> Iterator[SmtpReceiver]:
    """An SMTP server on a free port of 127.0.0.1. With `password` it wants a login, over TLS or not."""
    receiver = SmtpReceiver()

    def authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object) -> AuthResult:
        assert isinstance(data, LoginPassword)
        receiver.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=data.password.decode() == password, handled=False)

    controller = Controller(
        receiver,
        hostname="127.0.0.1",
        port=closed_port(),
        tls_context=starttls,
        ssl_context=tls,
        authenticator=authenticate,
        auth_required=bool(password),
        auth_require_tls=False,
    )
    controller.start()
    receiver.port = controller.port
    try:
        yield receiver
    finally:
        controller.stop()


def server_certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS for 127.0.0.1 and localhost, signed by itself, and the certificate to trust."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate
