"""Runs over HTTP: what was asked for, what became of it, and the reports of those who train."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from app.api.answers import json_answer
from app.api.body import MIB, read_body
from app.api.context import Context, Shared
from app.core.retraining_run import RunState
from app.services import retraining_runs
from app.services.callbacks import signed_by_target
from app.services.retraining_runs import Outcome, Report

router = APIRouter(prefix="/v1/retraining", tags=["training"])


class ReportBody(BaseModel):
    """What a pipeline says of a run: accepted, running, succeeded (with the new version), failed or cancelled."""

    model_config = ConfigDict(extra="forbid")

    state: RunState
    version: str = Field("", max_length=200)
    message: str = Field("", max_length=2000)
    metrics: dict[str, FiniteFloat | str] = Field({}, max_length=100)
    training_set: str = Field("", max_length=200)


def _schema() -> dict[str, Any]:
    """The body as OpenAPI describes it: the state stands in its place, since a reference to it would lead nowhere."""
    schema = ReportBody.model_json_schema()
    schema["properties"]["state"] = schema.pop("$defs")["RunState"]
    return schema


_SCHEMA = {"content": {"application/json": {"schema": _schema()}}, "required": True}


@router.get("", summary="Requests for retraining, and what became of them")
def list_runs(
    context: Shared,
    model: Annotated[str | None, Query(description="of this model alone")] = None,
    state: Annotated[tuple[str, ...], Query(description="in this state; may be given several times")] = (),
) -> Response:
    """The newest hundred, newest first."""
    return json_answer([retraining_runs.as_row(run) for run in retraining_runs.list_runs(context.engine, model, state)])


@router.get("/{run}", summary="One run with every step of its life")
def show_run(run: str, context: Shared) -> Response:
    """Steps are the oldest first."""
    found, steps = retraining_runs.show_run(context.engine, run)
    return json_answer({**retraining_runs.as_row(found), "steps": [asdict(step) for step in steps]})


@router.post("/{run}", summary="Say how a run stands", openapi_extra={"requestBody": _SCHEMA})
async def report(run: str, request: Request, context: Shared) -> Response:
    """From the pipeline that was asked: with an API key of scope train, or signed with the secret of its target as
    Standard Webhooks are. A late or repeated report changes nothing, and the answer says so.
    """
    raw = await read_body(request, MIB)
    return json_answer(await run_in_threadpool(_report, context, run, request, raw))


def _report(context: Context, run: str, request: Request, raw: bytes) -> dict[str, Any]:
    now, signed = context.clock(), "webhook-signature" in request.headers
    if signed and not signed_by_target(context.engine, run, request.headers, raw, now, os.environ):
        raise HTTPException(401, "the signature is not the target's, or too old, or its secret is not known here")
    body = _body(raw)
    said = Report(body.state, body.version, body.message, body.metrics or None, body.training_set)
    outcome = retraining_runs.report(
        context.engine,
        now,
        run,
        said,
        by="the target" if signed else "callback",
        public_url=context.settings.public_url,
    )
    return _answer(outcome)


def _body(raw: bytes) -> ReportBody:
    try:
        return ReportBody.model_validate_json(raw)
    except ValidationError as error:
        problems = [{**problem, "loc": ("body", *problem["loc"])} for problem in error.errors(include_context=False)]
        raise RequestValidationError(problems) from None


def _answer(outcome: Outcome) -> dict[str, Any]:
    return {**retraining_runs.as_row(outcome.run), "changed": outcome.changed, "why": outcome.reason}
