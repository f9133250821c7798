"""Is it alive, is it ready, and how is it doing."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy.exc import SQLAlchemyError

from app.api.context import Context, Shared
from app.storage import migrate

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Does the process live?")
def healthz(context: Shared) -> JSONResponse:
    """200 while the collector can work; 503 when only a restart can help."""
    if not context.committer.alive:
        return JSONResponse({"status": "failed", "error": "the committer has ended; restart the collector"}, 503)
    return JSONResponse({"status": "ok"})


@router.get("/readyz", summary="Can records be stored now?")
def readyz(context: Shared) -> JSONResponse:
    """200 when the database answers and has the schema that this program was written for; else 503 with the way out."""
    problem = _problem(context)
    return JSONResponse({"status": "ok"}) if problem is None else JSONResponse({"status": "waiting", **problem}, 503)


def _problem(context: Context) -> dict[str, str] | None:
    try:
        current, head = migrate.current(context.engine), migrate.head()
    except SQLAlchemyError as error:
        cause = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        return {"error": f"the database does not answer: {cause}", "mend": "watchkeeper doctor"}
    if current != head:
        state = "is empty" if current is None else f"has schema {current}"
        return {"error": f"the database {state}; this program needs {head}", "mend": "watchkeeper db upgrade"}
    return None


@router.get("/metrics", summary="The collector's own measurements, for Prometheus")
def metrics(context: Shared) -> Response:
    """Records, requests, queue and commits, in Prometheus' text format."""
    return Response(context.metrics.render(), media_type=CONTENT_TYPE_LATEST)
