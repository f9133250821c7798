"""How long each request took, by route."""

from __future__ import annotations

import time
from collections.abc import Collection

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.metrics import Metrics


class Timing:
    """ASGI middleware around everything else, so that refused requests are counted too."""

    def __init__(self, app: ASGIApp, metrics: Metrics, plain: Collection[str]) -> None:
        """`plain`: paths of routes that are not FastAPI's, which leave no trace in the scope."""
        self._app, self._metrics, self._plain = app, metrics, plain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500  # what the server says when nobody else says anything

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        started = time.perf_counter()
        try:
            await self._app(scope, receive, watch)
        finally:
            # The route's template, never the path: a path of a stranger's making would be a new series each time.
            path = scope["path"] if scope["path"] in self._plain else "other"
            route = str(getattr(scope.get("route"), "path", path))
            self._metrics.answered(route, scope["method"], status, time.perf_counter() - started)
