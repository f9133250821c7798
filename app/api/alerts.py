"""Alerts over HTTP: what fires, who has it in hand, and what is silenced."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict

from app.api.answers import json_answer
from app.api.context import Shared
from app.core.silences import Matcher, Silence, Weekly
from app.services import acknowledging, read_models, silences
from app.services.alert_page import alert_page

router = APIRouter(prefix="/v1", tags=["results"])


class Holder(BaseModel):
    """Who takes an alert in hand, gives it back or resolves it. `group`: all that are told together with it, too."""

    model_config = ConfigDict(extra="forbid")

    author: str
    comment: str = ""
    group: bool = False


class WeeklyBody(BaseModel):
    """Every week on these days (`sat,sun`, `mon-fri`), from that time of the clocks in that zone, for so long."""

    model_config = ConfigDict(extra="forbid")

    days: str
    at: str
    minutes: int
    zone: str = "UTC"

    def to_weekly(self) -> Weekly:
        return silences.weekly(self.days, self.at, timedelta(minutes=self.minutes), self.zone)


class SilenceBody(BaseModel):
    """Alerts that fit all of the given names; `*` stands for any characters and `?` for one. From `starts` (without it,
    now) until `expires`, which only a weekly silence may leave out.
    """

    model_config = ConfigDict(extra="forbid")

    project: str | None = None
    model: str | None = None
    version: str | None = None
    check: str | None = None
    subject: str | None = None
    segment: str | None = None
    starts: AwareDatetime | None = None
    expires: AwareDatetime | None = None
    weekly: WeeklyBody | None = None
    author: str
    comment: str

    def to_silence(self, now: datetime) -> Silence:
        matcher = Matcher(self.project, self.model, self.version, self.check, self.subject, self.segment)
        recurrence = self.weekly.to_weekly() if self.weekly else None
        return Silence(matcher, self.starts or now, self.expires, self.author, self.comment, recurrence)


class Ender(BaseModel):
    """Who ends a silence."""

    model_config = ConfigDict(extra="forbid")

    author: str


@router.get("/alerts", summary="What is firing")
def alerts(
    context: Shared,
    model: str | None = None,
    all: Annotated[bool, Query(description="resolved and pending ones too")] = False,  # noqa: A002  its name on the wire
) -> Response:
    """Rows of id, model, version, check, subject, segment, state, status (the state, `silenced` or `no data`),
    severity, since, changed_at, value, limit, reason, acknowledged_by, silenced_by and more, those that fire first.
    """
    return json_answer(read_models.alerts(context.engine, context.clock(), model=model, all_=all))


@router.get("/alerts/{identity}", summary="Everything about an alert")
def one_alert(identity: int, context: Shared) -> Response:
    """The row of the alert with the ids of the `others` of its check, its likely causes, what changed around its
    beginning (`timeline`), its runbook, the `messages` about its check with what became of each on every channel, and
    its `history`: each change with its reason, and when people were told of it.
    """
    return json_answer(alert_page(context.engine, identity, context.clock()).as_dict())


@router.post("/alerts/{identity}/acknowledge", summary="Take an alert in hand")
def acknowledge(identity: int, body: Holder, context: Shared) -> Response:
    """It is not repeated and not escalated until it resolves or gets worse. Answers with the alert; 409 when it does
    not fire.
    """
    acknowledging.acknowledge(context.engine, context.clock(), [identity], **body.model_dump())
    return one_alert(identity, context)


@router.post("/alerts/{identity}/unacknowledge", summary="Give an alert back")
def unacknowledge(identity: int, body: Holder, context: Shared) -> Response:
    """Nobody has it in hand any more, and it is told again. Answers with the alert; 409 when nobody had it."""
    acknowledging.unacknowledge(context.engine, context.clock(), [identity], **body.model_dump())
    return one_alert(identity, context)


@router.post("/alerts/{identity}/resolve", summary="Resolve an alert by hand")
def resolve(identity: int, body: Holder, context: Shared) -> Response:
    """It is over, for the reason in `comment`, which must be given; those that heard that it fires hear that. A later
    window in breach fires it again. Answers with the alert; 409 when it does not fire.
    """
    acknowledging.resolve(context.engine, context.clock(), [identity], **body.model_dump())
    return one_alert(identity, context)


@router.get("/silences", summary="What is silenced")
def list_silences(
    context: Shared, ended: Annotated[bool, Query(description="those that have ended, too")] = False
) -> Response:
    """The oldest first: id, status (active, waiting, ended), the names that they match, starts, expires, weekly,
    author, comment and more.
    """
    return json_answer(silences.list_silences(context.engine, context.clock(), ended=ended))


@router.post("/silences", summary="Silence alerts")
def add_silence(body: SilenceBody, context: Shared) -> Response:
    """Nobody is told of alerts that fit. They keep their state; what still fires when the silence ends is told then.
    Answers with the silence.
    """
    now = context.clock()
    return json_answer(silences.add_silence(context.engine, now, body.to_silence(now)))


@router.post("/silences/{identity}/end", summary="End a silence")
def end_silence(identity: int, body: Ender, context: Shared) -> Response:
    """What fires and fits is told in the worker's next round. Answers with the silence, which is kept."""
    return json_answer(silences.end_silence(context.engine, context.clock(), identity, body.author))
