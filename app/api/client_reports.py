"""What clients say of themselves, over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, Field

from app.api.context import Shared
from app.services.client_reports import take_report
from app.storage.client_reports import ClientReport

router = APIRouter(prefix="/v1", tags=["records"])

_PRINTABLE = r"^[ -~]*$"
_Count = Annotated[int, Field(ge=0, lt=2**62)]


class ClientReportBody(BaseModel):
    """The account of one client, counted since it started. Fields that a newer client may add are passed over."""

    client: str = Field(
        min_length=1, max_length=64, pattern=_PRINTABLE, description="a random name, the same for the client's life"
    )
    host: str = Field(max_length=200, pattern=_PRINTABLE, description="the machine it runs on")
    started_at: AwareDatetime
    logged: _Count = Field(description="records that it was given")
    predictions: _Count = Field(description="predictions among them")
    served: _Count | None = Field(None, description="predictions that its service answered with, logged or not")
    sent: _Count = Field(description="records that a collector has stored")
    rejected: _Count = Field(description="records that a collector refused one by one")
    dropped: dict[Annotated[str, Field(max_length=50, pattern=_PRINTABLE)], _Count] = Field(
        {}, max_length=20, description="records that were lost, by reason"
    )


class Kept(BaseModel):
    """What became of the report."""

    kept: bool = Field(description="false when a newer report of the same client had come before")


@router.post("/client-reports", summary="Tell how many records a client was given, sent and dropped")
def post_client_report(context: Shared, body: ClientReportBody) -> Kept:
    """Sent by the client library once a minute; sending it again changes nothing."""
    report = ClientReport(**body.model_dump())
    return Kept(kept=take_report(context.engine, report, context.clock()))
