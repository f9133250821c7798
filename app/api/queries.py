"""What the checks measured, as rows."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime

from app.api.answers import json_answer
from app.api.context import Shared
from app.services import read_models

router = APIRouter(prefix="/v1", tags=["results"])

Limit = Annotated[int, Query(ge=1, le=100_000, description="rows of one answer")]
ShownVersion = Annotated[
    str | None, Query(description="without one, the live one, or where it has no data the newest with any")
]
Time = Annotated[AwareDatetime | None, Query(description="an RFC 3339 time with a zone")]


@router.get("/measurements", summary="What the checks found")
def measurements(
    request: Request,
    context: Shared,
    model: str,
    version: str | None = None,
    check: str | None = None,
    subject: str | None = None,
    segment: Annotated[str | None, Query(description="empty: the whole alone")] = None,
    outcome: str | None = None,
    since: Time = None,
    until: Time = None,
    limit: Limit = 10_000,
    after: Annotated[str | None, Query(description="from the link to the next page")] = None,
) -> Response:
    """Rows of the windows that start in [since, until), oldest first: model, version, check, subject, segment,
    window_start, window_end, value, limit, outcome, reason, statistic and more. The Link header leads to those that
    follow, where there are any.
    """
    rows = read_models.measurements(
        context.engine,
        model=model,
        version=version,
        check=check,
        subject=subject,
        segment=segment,
        outcome=outcome,
        since=since,
        until=until,
        limit=limit,
        after=after,
    )
    answer = json_answer(rows)
    if len(rows) == limit:
        following = request.url.include_query_params(after=read_models.cursor(rows[-1]))
        answer.headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
    return answer
