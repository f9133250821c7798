"""Profiles in place of rows, and the layout that they must be made with."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from app.api.body import MIB, encoding_of, read_body
from app.api.context import Shared
from app.core.codec import encode_layout
from app.services import uploads

router = APIRouter(prefix="/v1")

BINARY = "application/octet-stream"


class StoredUpload(BaseModel):
    """What an upload brought."""

    upload: str = Field(description="the id of the upload: the SHA-256 of all that it says")
    windows: int
    rows: int
    duplicate: bool = Field(description="it was there already, and nothing changed")


_BODY = {"content": {BINARY: {"schema": {"type": "string", "format": "binary"}}}, "required": True}


@router.post(
    "/profiles", tags=["records"], summary="Send a profile in place of rows", openapi_extra={"requestBody": _BODY}
)
async def post_profile(
    request: Request,
    context: Shared,
    model: Annotated[str, Query(description="the model's name")],
    version: Annotated[str, Query(description="the name of the version that made the predictions")],
) -> StoredUpload:
    """The body is a profile file as `watchkeeper profile` writes it, with the layout of the version (else 409). The
    answer comes after the commit; sending it again changes nothing.
    """
    content_type = request.headers.get("content-type", BINARY).partition(";")[0].strip().lower()
    if content_type != BINARY:
        raise HTTPException(415, f"Content-Type: {content_type!r} is not allowed; allowed is {BINARY}")
    if encoding_of(request) != "identity":
        raise HTTPException(415, "Content-Encoding: a profile must be sent as it is; it is compressed already")
    packed = await read_body(request, context.settings.max_body_mb * MIB)
    summary = await run_in_threadpool(uploads.store_upload, context.engine, model, version, packed, context.clock())
    return StoredUpload(upload=summary.upload, windows=summary.windows, rows=summary.rows, duplicate=summary.duplicate)


@router.get(
    "/models/{model}/versions/{version}/layout",
    tags=["models"],
    summary="The bins that profiles of a version are counted by",
    response_class=Response,
    responses={200: {"content": {"application/json": {}}}},
)
def get_layout(context: Shared, model: str, version: str) -> Response:
    """JSON for `watchkeeper profile --like`. It changes when the version gets another reference."""
    layout = uploads.layout_of(context.engine, model, version)
    return Response(encode_layout(layout), media_type="application/json")
