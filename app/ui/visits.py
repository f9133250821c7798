"""When somebody was here last: kept in a cookie of their own browser, since there are no accounts.

The cookie holds two times: when the last visit ended, and when this one last loaded a page. A visit is over when
nothing was loaded for `PAUSE`. It names nobody, no script can read it, and nothing about it is kept here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "wk-visit"
PAUSE = timedelta(minutes=30)
_KEPT = timedelta(days=365)
_FORM = re.compile(r"(\d{1,11})-(\d{1,11})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Visit:
    """`before`: when the last visit ended, None on the first one; `loaded`: when this one last loaded a page."""

    before: datetime | None
    loaded: datetime

    def __str__(self) -> str:
        before = 0 if self.before is None else int(self.before.timestamp())
        return f"{before}-{int(self.loaded.timestamp())}"


def parse(cookie: str) -> Visit | None:
    """What a cookie says; None for anything that is not of ours."""
    found = _FORM.fullmatch(cookie)
    if found is None:
        return None
    before, loaded = map(int, found.groups())
    try:
        return Visit(datetime.fromtimestamp(before, UTC) if before else None, datetime.fromtimestamp(loaded, UTC))
    except (OverflowError, ValueError):
        return None


def after_loading(known: Visit | None, now: datetime) -> Visit:
    """The visit once a page is loaded at `now`: the same one, or a new one where the pause was long enough."""
    if known is None or known.loaded > now:
        return Visit(None, now)
    return Visit(known.loaded if now - known.loaded > PAUSE else known.before, now)


class Visits:
    """Middleware that keeps the cookie as pages are loaded; what they fetch passes untouched."""

    def __init__(self, app: ASGIApp, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._app, self._clock = app, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _asks_for_a_document(scope):
            await self._app(scope, receive, send)
            return

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).append("set-cookie", self._cookie(scope))
            await send(message)

        await self._app(scope, receive, send_with_cookie)

    def _cookie(self, scope: Scope) -> str:
        known = parse(cookie_parser(Headers(scope=scope).get("cookie", "")).get(COOKIE, ""))
        age = int(_KEPT.total_seconds())
        return f"{COOKIE}={after_loading(known, self._clock())}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax"


def _asks_for_a_document(scope: Scope) -> bool:
    """By what the browser asks for: the answer says nothing of its kind where the browser has it already (304)."""
    if scope["type"] != "http" or scope["method"] != "GET":
        return False
    return "text/html" in Headers(scope=scope).get("accept", "")
