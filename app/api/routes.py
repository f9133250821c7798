"""Routes over HTTP: which alerts go to which channels."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Response
from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from app.api.answers import json_answer
from app.api.context import Shared
from app.core.routing import Route, RouteMatch
from app.core.severity import Severity
from app.services import route_preview, routing

router = APIRouter(prefix="/v1/routes", tags=["results"])


class Rule(BaseModel):
    """Alerts that fit all of the given names (`*` stands for any characters, `?` for one) and are at least so severe go
    to `channels`, with `digest` in their next digest. Times are in seconds; `go_on`: the routes behind it are looked at
    as well.
    """

    project: str | None = None
    model: str | None = None
    check: str | None = None
    owner: str | None = None
    segment: str | None = None
    severity: Severity | None = None
    channels: list[str]
    repeat_seconds: int | None = None
    escalate_seconds: int | None = None
    escalate_to: list[str] = []
    digest: bool = False
    go_on: bool = False

    def to_route(self) -> Route:
        match = RouteMatch(self.project, self.model, self.check, self.owner, self.segment, self.severity)
        return Route(
            match,
            tuple(self.channels),
            digest=self.digest,
            go_on=self.go_on,
            repeat=_duration(self.repeat_seconds),
            escalate_after=_duration(self.escalate_seconds),
            escalate_to=tuple(self.escalate_to),
        )


class RouteBody(Rule):
    """Where it stands, 1 being the first, and who says so."""

    model_config = ConfigDict(extra="forbid")

    position: int | None = None
    author: str


class SeenRoute(Rule):
    """A route as it is listed; what else the list says of it does not matter."""

    go_on: bool = Field(False, validation_alias=AliasChoices("continue", "go_on"))


class ChangeBody(RouteBody):
    """`seen`: the route as the list said when the change was decided on; without it, whatever stands is changed."""

    seen: SeenRoute | None = None


class DraftBody(RouteBody):
    """A route that is thought of, in the place of the one with the id `instead_of`, or beside the others."""

    author: str = ""
    instead_of: int | None = None


class Place(BaseModel):
    """Where a route stands, 1 being the first."""

    model_config = ConfigDict(extra="forbid")

    position: int


def _duration(seconds: int | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def _wire(row: dict[str, Any]) -> dict[str, Any]:
    """Times in seconds, under the names by which they are given."""
    times = {"repeat": "repeat_seconds", "escalate_after": "escalate_seconds"}
    kept = {name: value for name, value in row.items() if name not in times}
    return {**kept, **{to: row[name] and row[name].total_seconds() for name, to in times.items()}}


@router.get("", summary="Which alerts go where")
def list_routes(context: Shared) -> Response:
    """The routes in order: position, id, what each takes, channels, how it is told, who said so last, and the channels
    that it names and that are `missing` or `off`. Without any, every alert goes to every channel.
    """
    return json_answer([_wire(row) for row in routing.list_routes(context.engine)])


@router.post("", summary="Add a route")
def add_route(body: RouteBody, context: Shared) -> Response:
    """As the last one, or at `position`. Answers with the route."""
    now = context.clock()
    row = routing.add_route(context.engine, now, body.to_route(), author=body.author, position=body.position)
    return json_answer(_wire(row))


@router.post("/preview", summary="Who would hear of alerts")
def preview(body: DraftBody, context: Shared) -> Response:
    """Changes nothing. Of each check that is open or alerted in the last 30 days, in a version: who hears of it `now`,
    who would `then`, and whether that `changes` anything; what changes comes first.
    """
    draft = route_preview.Draft(body.instead_of, body.to_route(), body.position)
    digests = bool(context.settings.digest)
    found = route_preview.preview(context.engine, context.clock(), draft, digests=digests)
    return json_answer([_previewed(one) for one in found])


def _previewed(one: route_preview.Heard) -> dict[str, Any]:
    heard = {"now": _wire(asdict(one.now)), "then": _wire(asdict(one.then))}
    return {**asdict(one), **heard, "changes": one.changes}


@router.get("/explain", summary="Who hears of an alert")
def explain(
    context: Shared, model: str, check: str, severity: Severity = Severity.WARNING, segment: str = ""
) -> Response:
    """The routes that take an alert of the check of the model, and why; the channels that hear of it `at_once`, and
    those that it escalates to. `passed_over` are the routes that fit and of which no channel is there and on.
    """
    return json_answer(
        _wire(routing.explain(context.engine, model, check, severity, segment, digests=bool(context.settings.digest)))
    )


@router.put("/{identity}", summary="Change a route")
def set_route(identity: int, body: ChangeBody, context: Shared) -> Response:
    """It becomes what is sent, and stays where it stands unless `position` says otherwise. Answers with the route; 409
    where it is not as it was `seen`.
    """
    now, new = context.clock(), body.to_route()
    seen = body.seen.to_route() if body.seen else None
    row = routing.set_route(context.engine, now, identity, new, author=body.author, position=body.position, seen=seen)
    return json_answer(_wire(row))


@router.post("/{identity}/move", summary="Move a route")
def move_route(identity: int, body: Place, context: Shared) -> Response:
    """Answers with all routes in their new order."""
    routing.move_route(context.engine, identity, body.position)
    return list_routes(context)


@router.delete("/{identity}", summary="Remove a route")
def remove_route(identity: int, context: Shared) -> Response:
    """Answers with the routes that are left."""
    routing.remove_route(context.engine, identity)
    return list_routes(context)
