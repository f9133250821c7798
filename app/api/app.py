"""The collector's application: routes, who may use them, and what errors become on the wire."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from http import HTTPStatus
from importlib.metadata import version

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DataError, SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from app.api import (
    alerts,
    catalogue,
    client_reports,
    drills,
    health,
    insights,
    limits,
    live,
    openapi,
    predictions,
    profiles,
    queries,
    records,
    references,
    reports,
    retraining,
    reviews,
    routes,
    training_sets,
)
from app.api.context import Context, wall_clock
from app.api.security import Guard
from app.api.timing import Timing
from app.core.errors import ConflictError, InvalidError, NotFoundError, WatchkeeperError
from app.services.commit import NotStoredError, QueueFullError, StoppedError
from app.settings import Settings

logger = logging.getLogger(__name__)

RETRY_SECONDS = "1"
BOOKS_SECONDS = 60.0
"""However many strangers knock, one transaction a minute says so."""


def create_app(settings: Settings, clock: Callable[[], datetime] = wall_clock) -> FastAPI:
    """The application. It opens the database when it starts to serve, and answers what waits before it ends.

    `clock` is another than this machine's where times are replayed.
    """
    app = FastAPI(
        title="Watchkeeper collector",
        version=version("watchkeeper"),
        description="Takes prediction logs and corrections, and answers with what the checks made of them.",
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_tags=[{"name": name} for name in ("records", "models", "results", "training", "health")],
    )
    context = app.state.context = Context.open(settings, clock)
    app.router.routes.extend(records.ROUTES)
    for module in (
        client_reports,
        catalogue,
        references,
        profiles,
        queries,
        alerts,
        insights,
        limits,
        live,
        predictions,
        drills,
        reports,
        retraining,
        reviews,
        routes,
        training_sets,
        health,
        openapi,
    ):
        app.include_router(module.router)
    app.add_middleware(Guard, context=context)
    app.add_middleware(Timing, metrics=context.metrics, plain={route.path for route in records.ROUTES})
    for error, answer in _ANSWERS.items():
        app.add_exception_handler(error, answer)
    app.openapi = lambda: openapi.describe(app)  # type: ignore[method-assign]
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    context: Context = app.state.context
    context.committer.start()
    bookkeeping = asyncio.create_task(_keep_books(context))
    try:
        yield
    finally:
        context.waiting.close()
        bookkeeping.cancel()
        await run_in_threadpool(context.refusals.store, context.clock())
        await run_in_threadpool(context.key_uses.store, context.clock(), everything=True)
        await run_in_threadpool(context.committer.close)
        context.engine.dispose()


async def _keep_books(context: Context) -> None:
    """Write down what is only counted, or noted, while requests are answered."""
    while True:
        await asyncio.sleep(BOOKS_SECONDS)
        await run_in_threadpool(context.refusals.store, context.clock())
        await run_in_threadpool(context.key_uses.store, context.clock())


# --- Errors on the wire -----------------------------------------------------------------------------------------------


def _http_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


def _not_valid(_request: Request, error: Exception) -> JSONResponse:
    """All wrong fields at once."""
    assert isinstance(error, RequestValidationError)
    fields = [{"field": ".".join(map(str, problem["loc"][1:])), "error": problem["msg"]} for problem in error.errors()]
    text = "; ".join(f"{field['field'] or 'body'}: {field['error']}" for field in fields)
    return JSONResponse({"error": text, "fields": fields}, HTTPStatus.UNPROCESSABLE_ENTITY)


_STATUS = {NotFoundError: HTTPStatus.NOT_FOUND, ConflictError: HTTPStatus.CONFLICT}


def _callers_error(_request: Request, error: Exception) -> JSONResponse:
    status = _STATUS.get(type(error), HTTPStatus.UNPROCESSABLE_ENTITY)
    body: dict[str, object] = {"error": str(error)}
    if isinstance(error, InvalidError):
        body["field"] = error.field
    return JSONResponse(body, status)


def _try_later(_request: Request, error: Exception) -> JSONResponse:
    status = HTTPStatus.TOO_MANY_REQUESTS if isinstance(error, QueueFullError) else HTTPStatus.SERVICE_UNAVAILABLE
    return JSONResponse({"error": str(error)}, status, {"Retry-After": RETRY_SECONDS})


def _not_stored(request: Request, error: Exception) -> JSONResponse:
    # Perhaps a version that we remember is gone; the next try shall ask the database again.
    request.app.state.context.targets.forget()
    return _try_later(request, error)


def _no_database(request: Request, error: Exception) -> JSONResponse:
    if isinstance(getattr(error, "orig", None), OverflowError):
        return _cannot_hold(request, error)
    cause = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
    logger.error("%s %s: the database failed: %s", request.method, request.url.path, cause)
    return _try_later(request, RuntimeError(f"the database does not answer: {cause}"))


def _cannot_hold(request: Request, error: Exception) -> JSONResponse:
    """A number, a time or a text that no database holds: trying again does not help."""
    cause = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
    logger.warning("%s %s: a value cannot be stored: %s", request.method, request.url.path, cause)
    return JSONResponse({"error": f"a value is beyond what can be stored: {cause}"}, HTTPStatus.UNPROCESSABLE_ENTITY)


_ANSWERS = {
    HTTPException: _http_error,
    RequestValidationError: _not_valid,
    WatchkeeperError: _callers_error,
    QueueFullError: _try_later,
    StoppedError: _try_later,
    NotStoredError: _not_stored,
    SQLAlchemyError: _no_database,
    DataError: _cannot_hold,
    OverflowError: _cannot_hold,
}
