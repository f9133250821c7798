"""Rollback drills over HTTP: begun by a person, answered by the serving side."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from app.api.answers import json_answer
from app.api.context import Shared
from app.core.drills import PROMPT, Drill, Repeated
from app.services import drills

router = APIRouter(prefix="/v1", tags=["models"])


class DrillBody(BaseModel):
    """Without `to`, the version that a rollback would lead to."""

    model_config = ConfigDict(extra="forbid")

    author: str = Field(min_length=1)
    to: str | None = None
    timeout_seconds: FiniteFloat = PROMPT.total_seconds()


class RowAnswer(BaseModel):
    """What the version makes of one row: the score, or the prediction, or both, as it would be logged."""

    model_config = ConfigDict(extra="forbid")

    id: str
    score: float | None = None
    prediction: bool | int | float | str | None = None

    def repeated(self) -> Repeated:
        return Repeated(self.id, self.score, self.prediction)


class DrillAnswer(BaseModel):
    """The version that was loaded, and its answers."""

    model_config = ConfigDict(extra="forbid")

    version: str
    answers: list[RowAnswer] = Field(max_length=1_000)


@router.post("/models/{model}/drills", summary="Begin a rollback drill")
def start_drill(model: str, body: DrillBody, context: Shared) -> Response:
    """Nothing that is live changes. 409 where there is nothing to go back to, or a drill runs already."""
    timeout = timedelta(seconds=max(0.0, min(body.timeout_seconds, 1e9)))
    begun = drills.start_drill(context.engine, model, context.clock(), to=body.to, author=body.author, timeout=timeout)
    context.models_changed()
    return json_answer(drill_row(begun))


@router.get("/models/{model}/drills", summary="The drills of a model")
def list_drills(model: str, context: Shared) -> Response:
    """The newest first, with how long each step took and why one failed."""
    return json_answer([drill_row(one) for one in drills.list_drills(context.engine, model)])


@router.get("/drills/{drill_id}", summary="What a drill asks for")
def take_task(drill_id: int, context: Shared) -> Response:
    """The version to load, and rows of `id` and `features` that it is to answer. 409 for a drill that is over. A key of
    scope ingest may ask.
    """
    task = drills.take_task(context.engine, drill_id, context.clock())
    names = ("id", "model", "version", "deadline")
    return json_answer({**{name: getattr(task.drill, name) for name in names}, "rows": task.rows})


@router.post("/drills/{drill_id}", summary="Answer a drill")
def answer_drill(drill_id: int, body: DrillAnswer, context: Shared) -> Response:
    """The answers are compared with what the version said when it was live; the first answer ends the drill. A key of
    scope ingest may answer.
    """
    answers = [one.repeated() for one in body.answers]
    ended = drills.answer_drill(context.engine, drill_id, body.version, answers, context.clock())
    context.models_changed()
    return json_answer(drill_row(ended))


class CallOffBody(BaseModel):
    """Who calls it off, and why."""

    model_config = ConfigDict(extra="forbid")

    author: str = Field(min_length=1)
    reason: str = ""


@router.post("/drills/{drill_id}/call-off", summary="Call off a drill")
def call_off_drill(drill_id: int, body: CallOffBody, context: Shared) -> Response:
    """It ends without a result, and answers that come later are refused. 409 for a drill that is over."""
    ended = drills.call_off_drill(context.engine, drill_id, context.clock(), author=body.author, reason=body.reason)
    context.models_changed()
    return json_answer(drill_row(ended))


def drill_row(one: Drill) -> dict[str, object]:
    """A drill as a row, its steps in seconds."""
    steps = {name: None if took is None else took.total_seconds() for name, took in one.steps.items()}
    return {**asdict(one), "steps": steps}
