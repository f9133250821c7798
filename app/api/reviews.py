"""The review queue over HTTP: rows for a reviewer, what the reviewer says, and taking it back."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict

from app.api.answers import json_answer
from app.api.context import Shared
from app.core.review import Kind, Verdict
from app.services import review_answers, reviews
from app.services.read_models import reviews as read_models
from app.services.review_answers import Answer

router = APIRouter(prefix="/v1/models", tags=["training"])


class SettingsBody(BaseModel):
    """What is put before reviewers; what is left out stays as it is, or as is usual at first."""

    model_config = ConfigDict(extra="forbid")

    author: str
    audits_per_day: int | None = None
    uncertain: bool | None = None
    novel: bool | None = None


class AnswerBody(BaseModel):
    """What is said about one row. With `correct` goes the label; for a binary model, without one, the other class."""

    model_config = ConfigDict(extra="forbid")

    item: int
    verdict: Verdict
    label: bool | int | float | str | None = None


class AnswersBody(BaseModel):
    """What a reviewer says, all of which is taken or none."""

    model_config = ConfigDict(extra="forbid")

    author: str
    answers: list[AnswerBody]


class UndoBody(BaseModel):
    """Of which prediction the author takes back the newest correction, of `version` alone where that is given; or with
    `item`, what the author decided about that row of the queue and nothing else.
    """

    model_config = ConfigDict(extra="forbid")

    author: str
    prediction_id: str | None = None
    version: str | None = None
    item: int | None = None


@router.get("/{model}/review/settings", summary="What is put before reviewers")
def review_settings(context: Shared, model: str) -> Response:
    """And how the queue stands: rows by kind and state, and the probability with which audits are drawn now."""
    return json_answer(reviews.review_settings(context.engine, context.clock(), model))


@router.put("/{model}/review/settings", summary="Say what is put before reviewers")
def set_review(context: Shared, model: str, body: SettingsBody) -> Response:
    """It begins with the predictions of the last day. 0 audits a day and neither kind: the queue is off."""
    return json_answer(reviews.set_review(context.engine, context.clock(), model, **body.model_dump()))


@router.get("/{model}/review", summary="The next rows to review")
def next_rows(
    context: Shared,
    model: str,
    author: Annotated[str, Query(description="who reviews them; nobody else gets them for 15 minutes")],
    kind: Annotated[Kind, Query(description="a random share, or rows that teach the most")] = Kind.AUDIT,
    limit: Annotated[int, Query(ge=1, le=reviews.MOST_AT_ONCE)] = 20,
) -> Response:
    """item, kind, version, prediction_id, event_time, prediction, score, reason, features: without what others said."""
    found = reviews.next_rows(context.engine, context.clock(), model, kind, author=author, limit=limit)
    return json_answer(found)


@router.post("/{model}/review", summary="Say what is true of rows")
def answer(context: Shared, model: str, body: AnswersBody) -> Response:
    """Each label becomes a correction, of source `audit` for a row that was drawn at random and `user` for the others.
    409 where another reviewer has a row, or it was decided before; nothing is taken then.
    """
    answers = [Answer(one.item, one.verdict, one.label) for one in body.answers]
    corrections = review_answers.answer(context.engine, context.clock(), model, answers, author=body.author)
    return json_answer({"answered": len(answers), "corrections": corrections})


@router.post("/{model}/review/undo", summary="Take a correction back")
def undo(context: Shared, model: str, body: UndoBody) -> Response:
    """What the author said last about the prediction, or decided about the row, counts as never said; its row waits for
    the author again.
    """
    undone = reviews.undo(
        context.engine,
        context.clock(),
        model,
        body.prediction_id,
        author=body.author,
        item=body.item,
        version=body.version,
    )
    return json_answer({"prediction_id": undone})


@router.get("/{model}/review/decisions", summary="Who decided what")
def decisions(
    context: Shared,
    model: str,
    author: Annotated[str | None, Query(description="by whom; anybody, if it is left out")] = None,
    before: Annotated[int | None, Query(description="older than the decision about this item: the next page")] = None,
    until: Annotated[AwareDatetime | None, Query(description="decided before this time")] = None,
    limit: int = 20,
) -> Response:
    """item, kind, author, at, version, prediction_id, prediction, score, label (null: skipped), the newest first and
    without what was taken back.
    """
    found = read_models.decisions_page(context.engine, model, author=author, before=before, until=until, most=limit)
    return json_answer([asdict(one) for one in found])
