"""Limits over HTTP: those that hold, and those that people set."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict

from app.api.answers import json_answer
from app.api.context import Shared
from app.api.queries import ShownVersion
from app.services import overrides
from app.services.limits import model_limits

router = APIRouter(prefix="/v1/models", tags=["results"])


class Target(BaseModel):
    """Which limit is meant, by whom and why. Without a subject, every subject; without a segment, the whole."""

    model_config = ConfigDict(extra="forbid")

    check: str
    subject: str | None = None
    segment: str = ""
    author: str
    reason: str


class LimitBody(Target):
    """A limit to set: the value beyond which a window exceeds, or the distance from normal where both directions are
    bad.
    """

    limit: float


@router.get("/{model}/limits", summary="The limits that hold")
def limits(
    context: Shared,
    model: str,
    version: ShownVersion = None,
    segment: Annotated[str, Query(description="such as country=FI; without one, for all rows")] = "",
) -> Response:
    """Each subject's limit in the newest judged window, what a distance cannot detect below, and the new false alerts a
    month to expect; `false_alarms` holds the sum over all rows and segments, that over segments, and the model's
    budget; `checks` the sums of the listed limits by check.
    """
    return json_answer(model_limits(context.engine, model, version, segment).as_dict())


@router.get("/{model}/limits/set", summary="The limits that people set")
def list_overrides(
    context: Shared,
    model: str,
    ended: Annotated[bool, Query(description="those that hold no longer, too")] = False,
) -> Response:
    """The oldest first: check, subject, segment, limit, author, reason, set_at, removed_at, removed_by and more."""
    return json_answer(overrides.list_overrides(context.engine, model, ended=ended))


@router.post("/{model}/limits/set", summary="Set a limit")
def set_override(model: str, body: LimitBody, context: Shared) -> Response:
    """It holds for windows that end from now on, in place of the learnt limit; nothing of the past is judged anew.
    Answers with the limits that are set.
    """
    overrides.set_override(context.engine, context.clock(), model, **body.model_dump())
    return json_answer(overrides.list_overrides(context.engine, model))


@router.post("/{model}/limits/remove", summary="Remove a limit that was set")
def remove_override(model: str, body: Target, context: Shared) -> Response:
    """The learnt limit holds again for windows that end from now on. Answers with the limits that are still set."""
    overrides.remove_override(context.engine, context.clock(), model, **body.model_dump())
    return json_answer(overrides.list_overrides(context.engine, model))
