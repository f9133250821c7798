"""Reports over HTTP."""

from __future__ import annotations

from fastapi import APIRouter, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict

from app.api.answers import json_answer
from app.api.context import Shared
from app.core.reports import ReportKind
from app.services import reports

router = APIRouter(prefix="/v1/reports", tags=["results"])

SANDBOX = {"Content-Security-Policy": "sandbox allow-scripts", "X-Content-Type-Options": "nosniff"}
"""The page holds names from outside, so a browser is to give it no rights of this address."""


class ReportBody(BaseModel):
    """A report to be made on the predictions of [since, until) against the reference."""

    model_config = ConfigDict(extra="forbid")

    model: str
    version: str | None = None
    kind: ReportKind = ReportKind.DRIFT
    since: AwareDatetime
    until: AwareDatetime


@router.post("", status_code=202, summary="Ask for an Evidently report")
def request_report(body: ReportBody, context: Shared) -> Response:
    """The worker makes it in its next round; `state` says requested, running, done or failed. It rests on a random
    sample of at most 10,000 rows of either side. `quality` is a classification or regression report, and needs labels.
    """
    asked = reports.request_report(context.engine, context.clock(), **body.model_dump())
    return json_answer(asked, 202)


@router.get("", summary="List the reports")
def list_reports(context: Shared, model: str | None = None) -> Response:
    """The newest first: id, model, version, kind, since, until, state, error and more."""
    return json_answer(reports.list_reports(context.engine, model))


@router.get("/{id}", summary="How a report stands")
def find_report(id: int, context: Shared) -> Response:  # noqa: A002  the parameter's name on the wire
    """The report's row; its contents are at /html and /json below it."""
    return json_answer(reports.find_report(context.engine, id))


@router.get("/{id}/html", summary="The report as a page")
def report_html(id: int, context: Shared) -> Response:  # noqa: A002
    """One file with everything in it; 422 with the reason while it is not there."""
    page = reports.report_contents(context.engine, id).html
    return Response(page, media_type="text/html; charset=utf-8", headers=SANDBOX)


@router.get("/{id}/json", summary="The report's figures")
def report_json(id: int, context: Shared) -> Response:  # noqa: A002
    """`watchkeeper` says what the report rests on, `evidently` what it found; 422 while it is not there."""
    return Response(reports.report_contents(context.engine, id).json, media_type="application/json")
