"""Uploading the reference of a version: a file, streamed to disk and then read like any other file."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from app.api.body import MIB, limited
from app.api.context import Context, Shared
from app.services import catalogue
from app.services.keys import Scope
from app.services.references import ReferenceSummary, store_reference
from collectors.tabular import ColumnMapping, FileFormat

router = APIRouter(prefix="/v1/models", tags=["models"])

FORMATS = {
    "text/csv": FileFormat.CSV,
    "application/vnd.apache.parquet": FileFormat.PARQUET,
    "application/x-ndjson": FileFormat.NDJSON,
}


class StoredReference(BaseModel):
    """What was stored, and what the owner of the model should know about it."""

    rows: int
    windows: int
    features: int
    warnings: list[str]
    rejected: int
    errors: list[str]

    @classmethod
    def of(cls, summary: ReferenceSummary) -> StoredReference:
        return cls(
            rows=summary.rows,
            windows=summary.windows,
            features=summary.features,
            warnings=summary.warnings,
            rejected=summary.rejected,
            errors=[str(error) for error in summary.errors],
        )


Column = Annotated[str | None, Query(description="a column's name in the file")]


@dataclass(frozen=True, slots=True)
class Columns:
    """The query parameters that say what the file's columns are; every column not named is a feature."""

    timestamp_column: Column = None
    prediction_column: Column = None
    score_column: Column = None
    label_column: Column = None
    id_column: Column = None
    latency_column: Column = None
    exclude: Annotated[tuple[str, ...], Query(description="a column to leave out; may be given several times")] = ()
    text_column: Annotated[
        tuple[str, ...], Query(description="a feature that holds free text; may be given several times")
    ] = ()
    attribute_column: Annotated[
        tuple[str, ...], Query(description="no feature: it says which segments a row is in; may be given several times")
    ] = ()

    def mapping(self) -> ColumnMapping:
        return ColumnMapping(
            id=self.id_column,
            timestamp=self.timestamp_column,
            prediction=self.prediction_column,
            score=self.score_column,
            label=self.label_column,
            latency=self.latency_column,
            exclude=tuple(self.exclude),
            texts=tuple(self.text_column),
            attributes=tuple(self.attribute_column),
        )


_BODY = {"content": {name: {"schema": {"type": "string", "format": "binary"}} for name in FORMATS}, "required": True}


@router.put(
    "/{model}/versions/{version}/reference",
    summary="Store the reference of a version",
    openapi_extra={"requestBody": _BODY},
)
async def put_reference(
    request: Request,
    context: Shared,
    model: str,
    version: str,
    columns: Annotated[Columns, Depends()],
    timezone: Annotated[str | None, Query(description="of times without a zone, like Europe/Berlin")] = None,
    out_of_sample: Annotated[bool | None, Query(description="was the model not trained on these rows?")] = None,
) -> StoredReference:
    """The body is a CSV, Parquet or NDJSON file, as its Content-Type says. It replaces an earlier reference.

    A key of scope train stores none for a version that answers requests: it would move the limits that watch it.
    """
    file_format = _format(request)
    found = await run_in_threadpool(catalogue.find, context.engine, model, version)
    if request.state.granted is Scope.TRAIN and (stage := found[1].stage).answers:
        said = f"version: {version} is {stage}; a key of scope {Scope.TRAIN} may not change how it is judged"
        raise HTTPException(403, said)
    with tempfile.TemporaryDirectory(dir=_uploads(context), prefix="reference-") as folder:
        path = Path(folder) / f"reference.{file_format}"
        await _spool(request, path, context.settings.max_reference_mb * MIB)
        summary = await run_in_threadpool(
            store_reference,
            context.engine,
            *found,
            path,
            columns.mapping(),
            format=file_format,
            timezone=timezone,
            out_of_sample=out_of_sample,
            now=context.clock(),
        )
    return StoredReference.of(summary)


def _format(request: Request) -> FileFormat:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type not in FORMATS:
        raise HTTPException(415, f"Content-Type: {content_type!r} is not allowed; allowed are {', '.join(FORMATS)}")
    if request.headers.get("content-encoding", "identity") != "identity":
        raise HTTPException(415, "Content-Encoding: a reference must be sent as it is")
    return FORMATS[content_type]


def _uploads(context: Context) -> Path:
    folder = context.settings.data_dir / "uploads"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


async def _spool(request: Request, path: Path, limit: int) -> None:
    with path.open("wb") as file:
        async for chunk in limited(request, limit):
            await run_in_threadpool(file.write, chunk)
