"""Which version is live: for serving processes, which wait for changes, and for whoever changes it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from app.api.answers import json_answer
from app.api.context import Context, Shared
from app.api.queries import Time
from app.services import deployments
from app.services.deployments import Takeover
from app.services.live import LiveState, live_state
from app.services.read_models.deployments import deployments as list_deployments
from app.services.read_models.versions import version_differences

router = APIRouter(prefix="/v1/models", tags=["models"])

LONGEST_WAIT = 60
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,9})")
_TAG = re.compile(r'(?:W/)?("[^"]*")')

IfMatch = Annotated[str | None, Header(description="the ETag of what was seen; 412 where it is so no more")]


@router.get("/{model}/live", summary="Which version is live", responses={304: {"description": "It is as you know it"}})
async def live(
    model: str,
    request: Request,
    context: Shared,
    wait: Annotated[int | None, Query(ge=0, le=LONGEST_WAIT, description="seconds to wait for a change")] = None,
    if_none_match: Annotated[str | None, Header(description="the ETag of the last answer")] = None,
    prefer: Annotated[str | None, Header(description="wait=30 is another way to ask for a wait")] = None,
) -> Response:
    """The version to load, all that are live, since when, and the number of the change.

    With the last answer's ETag in If-None-Match it answers 304 while nothing changed, and with `wait` only once
    something did or the time is over. A key of scope ingest may ask.
    """
    preferred = _WAIT.search(prefer or "")
    seconds = wait if wait is not None else min(int(preferred[1]), LONGEST_WAIT) if preferred else 0
    known = _TAG.findall(if_none_match or "")
    state = await run_in_threadpool(live_state, context.engine, model)
    changed: LiveState | None = state
    if state.etag in known or (if_none_match or "").strip() == "*":
        changed = await _wait(request, context, model, {*known, state.etag}, seconds) if seconds else None
    headers = {"ETag": (changed or state).etag, "Cache-Control": "no-cache"}
    if preferred and wait is None:
        headers["Preference-Applied"] = f"wait={seconds}"
    if changed is None:
        return Response(status_code=304, headers=headers)
    return Response(changed.body, media_type="application/json", headers=headers)


async def _wait(
    request: Request, context: Context, model: str, known: Collection[str], seconds: int
) -> LiveState | None:
    """The state that is news; None when the time is over, or nobody listens any more."""
    waiting = asyncio.ensure_future(context.waiting.wait(model, known, seconds))
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({waiting, gone}, return_when=asyncio.FIRST_COMPLETED)
        return waiting.result() if waiting.done() else None
    finally:
        waiting.cancel()
        gone.cancel()
        await asyncio.gather(waiting, gone, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


class Said(BaseModel):
    """Who changes it, and why."""

    model_config = ConfigDict(extra="forbid")

    author: str = Field(min_length=1)
    reason: str = ""


class RollbackBody(Said):
    """Without `to`, the version that was live before the present one. `dry_run`: say what would be done."""

    to: str | None = None
    dry_run: bool = False


class PromotionBody(Said):
    """`beside`: the versions that are live stay so."""

    beside: bool = False


class TakeoverAnswer(BaseModel):
    """What is live now, in place of what."""

    model: str
    version: str
    replaces: list[str]
    kind: str
    change: int


@router.post("/{model}/rollback", summary="Make an earlier version live again")
def roll_back(model: str, body: RollbackBody, context: Shared, if_match: IfMatch = None) -> TakeoverAnswer:
    """409 where there is nothing to go back to, or somebody else changed what is live at the same moment."""
    seen = _seen(context, model, if_match)
    if body.dry_run:
        return _answer(deployments.plan_rollback(context.engine, model, body.to))
    made = deployments.roll_back(
        context.engine, model, context.clock(), to=body.to, author=body.author, reason=body.reason, seen=seen
    )
    context.models_changed()
    return _answer(made)


@router.post("/{model}/versions/{version}/live", summary="Make a version live")
def make_live(
    model: str, version: str, body: PromotionBody, context: Shared, if_match: IfMatch = None
) -> TakeoverAnswer:
    """It takes the place of those that were, which stay registered. 409 where somebody else was quicker."""
    seen = _seen(context, model, if_match)
    made = deployments.make_live(context.engine, model, version, context.clock(), seen=seen, **body.model_dump())
    context.models_changed()
    return _answer(made)


@router.get("/{model}/versions/{version}/diff", summary="How a version differs from another")
def version_diff(
    model: str, version: str, context: Shared, against: Annotated[str, Query(description="the other version")]
) -> Response:
    """Rows of field, before (in `against`) and after (in `version`): framework, format, runtime, hardware, packages."""
    return json_answer([asdict(one) for one in version_differences(context.engine, model, against, version)])


@router.get("/{model}/deployments", summary="Which version stood where, and when")
def list_changes(context: Shared, model: str, since: Time = None, until: Time = None) -> Response:
    """Every change of a version's stage in [since, until), oldest first: at, version, from_stage, to_stage, kind,
    author, reason and id.
    """
    return json_answer(list_deployments(context.engine, model=model, since=since, until=until))


def _seen(context: Context, model: str, if_match: str | None) -> int:
    """The change that the caller knows, to be compared once more when the change is written."""
    state = live_state(context.engine, model)
    if if_match is not None and if_match.strip() != "*" and state.etag not in _TAG.findall(if_match):
        raise HTTPException(412, f"what is live changed: version {state.version} since {state.since}; look again")
    return state.change


def _answer(made: Takeover) -> TakeoverAnswer:
    return TakeoverAnswer(**asdict(made))
