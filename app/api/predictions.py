"""Stored predictions, searched by what is known of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from app.api.answers import json_answer
from app.api.context import Shared
from app.api.queries import Time
from app.core.feature_condition import parse
from app.core.prediction_filter import Labelled, PredictionFilter, Verdict
from app.services import explorer
from app.services.explorer import Search

router = APIRouter(prefix="/v1/models", tags=["results"])


@router.get("/{model}/predictions", summary="Stored predictions")
def predictions(
    request: Request,
    context: Shared,
    model: str,
    version: Annotated[list[str] | None, Query(description="of this version alone; may be repeated")] = None,
    since: Time = None,
    until: Time = None,
    prediction_id: Annotated[str, Query(description="an id, or a beginning and *")] = "",
    request_id: str = "",
    predicted: Annotated[str, Query(description="the predicted class")] = "",
    score_from: float | None = None,
    score_to: float | None = None,
    verdict: Annotated[Verdict | None, Query(description="what the label says of the prediction")] = None,
    labelled: Annotated[Labelled | None, Query(description="by whom, any or none")] = None,
    corrected: Annotated[bool | None, Query(description="whether a user corrected it")] = None,
    segment: Annotated[str, Query(description="ATTRIBUTE=VALUE")] = "",
    feature: Annotated[list[str] | None, Query(description="such as `wind > 20`; may be repeated")] = None,
    limit: Annotated[int, Query(ge=1, le=explorer.MOST_ROWS)] = 100,
    before: Annotated[str | None, Query(description="from the link to the next page")] = None,
) -> Response:
    """Those of events in [since, until) for which all that is given holds, the newest first: event_time, prediction_id,
    version, prediction, score, label, label_source, corrected, latency_ms, request_id, features and more. A request
    looks at 200,000 predictions or for 10 seconds at most: a page may hold fewer rows than `limit`, or none, and while
    there is a Link header it leads further back.
    """
    wanted = PredictionFilter(
        prediction_id=prediction_id,
        request_id=request_id,
        predicted=predicted,
        score_from=score_from,
        score_to=score_to,
        verdict=verdict,
        labelled=labelled,
        corrected=corrected,
        segment=segment,
        features=tuple(map(parse, feature or ())),
    )
    search = Search(model, tuple(version or ()), since, until, wanted)
    page = explorer.find(context.engine, search, limit=limit, before=before)
    answer = json_answer(explorer.portable(page))
    if page.older is not None:
        following = request.url.include_query_params(before=page.older)
        answer.headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
    return answer
