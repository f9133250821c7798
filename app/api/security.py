"""Who may ask for what: API keys, or, without keys, this machine alone.

Keys are asked for unless the collector listens on loopback only. There, the one stranger left is a web page in a
browser of this machine: it is told by its Origin, or by the Host it had to name to get here (DNS rebinding).
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from app.api.context import Context
from app.services.keys import Scope, digest
from app.settings import is_loopback

OPEN_PATHS = frozenset({"/healthz", "/readyz", "/metrics", "/docs", "/openapi.json"})
ALLOWED = {
    # Where records go, what is said of them, the bins by which who sends profiles has to count, and what to serve.
    Scope.INGEST: re.compile(
        r"[A-Z]+ /v1/(predictions|corrections|features|profiles|client-reports|models/[^/]+/versions/[^/]+/layout)"
        r"|GET /v1/models/[^/]+/live|(GET|POST) /v1/drills/[^/]+"
    ),
    # What a pipeline does that trains a new version: fetch the rows, register what came of them, report.
    Scope.TRAIN: re.compile(
        r"GET /v1/models/[^/]+/training-sets?|GET /v1/training-sets/[^/]+|POST /v1/models/[^/]+/versions"
        r"|PUT /v1/models/[^/]+/versions/[^/]+/reference"
        r"|GET /v1/retraining|(GET|POST) /v1/retraining/[^/]+"
    ),
}
"""Method and path of what a key of each scope may ask for; one of scope admin may ask for anything."""

_SIGNED = re.compile(r"POST /v1/retraining/[^/]+")
"""What may be signed by the target of a run instead, as `app.api.retraining` checks."""

_MAY = {
    Scope.INGEST: "send records, ask which version is live and answer drills",
    Scope.TRAIN: "fetch training sets, register versions with their references, and report on retraining",
}
_HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "1"}}


class Refusal(JSONResponse):
    """The answer to somebody who may not pass; `reason` is by what refusals are counted."""

    def __init__(self, status: int, reason: str, error: str) -> None:
        super().__init__({"error": error}, status, _HEADERS.get(status))
        self.reason = reason


class Guard:
    """ASGI middleware that lets through who may pass, and answers the others."""

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self._app, self._context = app, context
        settings = context.settings
        self._needs_keys = settings.asks_for_keys
        self._own_host = settings.host

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            scope.setdefault("state", {})["granted"] = Scope.ADMIN  # unless a key says less
            refusal = await self._check_key(scope, headers) if self._needs_keys else self._check_stranger(headers)
            if refusal is not None:
                self._context.refusals.count(refusal.reason)
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _check_stranger(self, headers: Headers) -> Refusal | None:
        host = _host_name(headers.get("host", ""))
        if not is_loopback(host) and host != self._own_host:
            said = f"Host: {host!r} is not this collector; without keys it answers to loopback names only"
            return Refusal(421, "with another host name", said)
        origin = headers.get("origin")
        if origin is not None and not is_loopback(_host_name(origin.partition("//")[2])):
            said = f"Origin: {origin!r} is not allowed; without keys no web page may use the collector"
            return Refusal(403, "from web pages", said)
        return None

    async def _check_key(self, scope: AsgiScope, headers: Headers) -> Refusal | None:
        path = scope["path"]
        if path in OPEN_PATHS:
            return None
        if _SIGNED.fullmatch(f"{scope['method']} {path}") and "webhook-signature" in headers:
            return None  # the route lets nobody pass whose signature is not the target's
        kind, _, secret = headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not secret.strip():
            return Refusal(401, "without a key", "an API key is needed: Authorization: Bearer wk_...")
        try:
            granted = await self._granted(secret.strip())
        except SQLAlchemyError:
            said = "the database does not answer, so no key can be checked"
            return Refusal(503, "while the database did not answer", said)
        if granted is None:
            return Refusal(401, "with an unknown or revoked key", "the API key is unknown or revoked")
        scope["state"]["granted"] = granted
        if granted in ALLOWED and not ALLOWED[granted].fullmatch(f"{scope['method']} {path}"):
            said = f"a key of scope {granted} may only {_MAY[granted]}; this needs one of scope {Scope.ADMIN}"
            return Refusal(403, "with a key of another scope", said)
        return None

    async def _granted(self, secret: str) -> Scope | None:
        keys = self._context.keys
        wanted = digest(secret)
        held = keys.fresh()
        if held is None or wanted not in held:
            held = await run_in_threadpool(keys.reload)
        granted = held.get(wanted)
        if granted is not None:
            self._context.key_uses.note(wanted, self._context.clock())
        return granted


def _host_name(host: str) -> str:
    """The name in a Host header, without the port and the brackets of IPv6."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return host
