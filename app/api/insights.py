"""Why a model is in breach, how well it is watched, and how its labels come."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Response

from app.api.answers import json_answer
from app.api.context import Shared
from app.api.queries import ShownVersion, Time
from app.services.causes import explain, nothing_to_explain
from app.services.read_models.labels import model_labels
from app.services.read_models.segments import model_segments
from app.services.read_models.timeline import USUAL_SPAN
from app.services.read_models.timeline import timeline as events_of
from app.services.scorecards import model_scorecard

router = APIRouter(prefix="/v1/models", tags=["results"])


@router.get("/{model}/causes", summary="Why a check is in breach")
def causes(
    context: Shared,
    model: str,
    version: ShownVersion = None,
    check: Annotated[str | None, Query(description="without one, the check in breach that matters most")] = None,
    window: Time = None,
) -> Response:
    """The likely causes of a breach of quality or skew in the window that holds the time `window` (without one, the
    newest in breach), the likeliest first. `check` is null when nothing is in breach whose causes could be ranked,
    or nothing has been judged; `note` says which.
    """
    found = explain(context.engine, model, version, check, window)
    if found is None:
        note = nothing_to_explain(context.engine, model, version)
        return json_answer({"model": model, "check": None, "window_start": None, "note": note, "causes": []})
    return json_answer({**asdict(found), "causes": found.rows()})


@router.get("/{model}/scorecard", summary="The ML Test Score")
def scorecard(context: Shared, model: str, version: ShownVersion = None) -> Response:
    """Which tests of the ML Test Score (Breck et al. 2017) run on the model, with the evidence for each. `score` is the
    sum over the monitoring section, of at most 7.
    """
    return json_answer(model_scorecard(context.engine, model, version, context.clock()).as_dict())


@router.get("/{model}/segments", summary="Where a model is worse than on the whole")
def segments(context: Shared, model: str, version: ShownVersion = None) -> Response:
    """The segments by the newest verdicts, furthest beyond their own limits first, then worst in quality beside all
    rows; and of each attribute what had no room for a segment of its own.
    """
    return json_answer(model_segments(context.engine, model, version).as_dict())


@router.get("/{model}/labels", summary="How late labels come")
def labels(context: Shared, model: str, version: ShownVersion = None) -> Response:
    """The declared label delay beside the measured one, what to do where they do not fit, and the labelled share of the
    newest windows, the oldest first. Times are in seconds; `measured` is null while too few labels are known.
    """
    return json_answer(model_labels(context.engine, model, version, context.clock()).as_dict())


@router.get("/{model}/timeline", summary="What changed around a time")
def timeline(
    context: Shared,
    model: str,
    since: Time = None,
    until: Time = None,
    kind: Annotated[list[str] | None, Query(description="events of this kind alone; may be repeated")] = None,
) -> Response:
    """What happened to the model in [since, until), the oldest first: deployments, dependencies that changed,
    references, arrivals of labels, limits that were set, alerts, retraining. A row has at, kind, version, what, author,
    why and alert_id. Without `until`, up to now; without `since`, the fortnight before.
    """
    end = until or context.clock()
    found = events_of(context.engine, model, since or end - USUAL_SPAN, end, kind or ())
    return json_answer([asdict(event) for event in found])
