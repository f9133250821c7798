"""Training sets over HTTP: the rows, streamed, and the manifests that say what they are."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, BinaryIO

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict

from app.api.answers import json_answer
from app.api.context import Context, Shared
from app.core.training_set import AsOf
from app.services import exclusions, training_sets
from app.services.training_files import Format
from app.services.training_sets import Exported

router = APIRouter(prefix="/v1", tags=["training"])

MEDIA_TYPES = {Format.PARQUET: "application/vnd.apache.parquet", Format.CSV: "text/csv; charset=utf-8"}
CHUNK = 1 << 18  # bytes


@router.get("/models/{model}/training-set", summary="Rows to train on")
def training_set(
    context: Shared,
    model: str,
    since: Annotated[AwareDatetime, Query(description="events from this time on")],
    until: Annotated[AwareDatetime | None, Query(description="events before this time; without one, up to now")] = None,
    version: Annotated[str | None, Query(description="predictions of this version; without one, of all")] = None,
    format: Annotated[Format, Query(description="of the file")] = Format.PARQUET,  # noqa: A002  its name on the wire
    as_of: Annotated[str | None, Query(description="of a manifest, to get the very same rows again")] = None,
) -> StreamingResponse:
    """Labelled predictions with their features, the source of the label and a weight, as a file; contested and excluded
    ones are left out. The Link header leads to the manifest, `Repr-Digest` holds the hash of the file. 422 where no row
    is left.
    """
    now = context.clock()
    query = training_sets.Query(model, since, until or now, version, AsOf.parse(as_of) if as_of else None)
    # The hash is in the header, so the rows are all written before the first is sent: to a disk, not to memory.
    with tempfile.TemporaryDirectory(dir=_spool(context), prefix="training-set-") as folder:
        path = Path(folder) / f"rows.{format}"
        exported = training_sets.export_training_set(context.engine, now, query, path, format)
        file = path.open("rb")  # it can be read to its end after its name is gone, and nothing stays if nobody does
    return StreamingResponse(_chunks(file), media_type=MEDIA_TYPES[format], headers=_headers(exported))


def _headers(exported: Exported) -> dict[str, str]:
    manifest = exported.manifest
    digest = base64.b64encode(bytes.fromhex(exported.file_sha256)).decode()
    return {
        "Content-Length": str(exported.bytes),
        "Content-Disposition": f'attachment; filename="training-set-{manifest.content_sha256[:12]}.{exported.format}"',
        "Link": f'</v1/training-sets/{manifest.content_sha256}>; rel="describedby"; type="application/json"',
        "Repr-Digest": f"sha-256=:{digest}:",
    }


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while chunk := file.read(CHUNK):
            yield chunk


def _spool(context: Context) -> Path:
    folder = context.settings.data_dir / "training-sets"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@router.get("/models/{model}/training-sets", summary="The training sets that were made")
def list_training_sets(context: Shared, model: str) -> Response:
    """The manifests, the newest first."""
    return json_answer(training_sets.list_manifests(context.engine, model))


@router.get("/training-sets/{hash}", summary="What a training set holds")
def find_training_set(context: Shared, hash: str) -> Response:  # noqa: A002  the parameter's name on the wire
    """Its manifest: model, versions, window, `as_of`, rows by source, what was left out and why, columns, hash."""
    return json_answer(training_sets.find_manifest(context.engine, hash))


class ExclusionBody(BaseModel):
    """Rows to keep out: those of the prediction ids, or of events in [since, until)."""

    model_config = ConfigDict(extra="forbid")

    author: str
    comment: str
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    prediction_ids: list[str] = []


class EndBody(BaseModel):
    """Who takes an exclusion back."""

    model_config = ConfigDict(extra="forbid")

    author: str


@router.post("/models/{model}/exclusions", summary="Keep rows out of training sets")
def exclude(context: Shared, model: str, body: ExclusionBody) -> Response:
    """From now on; sets that were made before can still be made again as they were."""
    return json_answer(exclusions.exclude(context.engine, context.clock(), model, **body.model_dump()))


@router.get("/models/{model}/exclusions", summary="What is kept out of training sets")
def list_exclusions(
    context: Shared, model: str, ended: Annotated[bool, Query(description="those that hold no longer, too")] = False
) -> Response:
    """The oldest first: id, author, comment, since, until, prediction_ids and who ended it."""
    return json_answer(exclusions.list_exclusions(context.engine, model, ended=ended))


@router.post("/models/{model}/exclusions/{id}/end", summary="End an exclusion")
def end_exclusion(context: Shared, model: str, id: int, body: EndBody) -> Response:  # noqa: A002
    """Answers with the exclusions that still hold."""
    exclusions.end_exclusion(context.engine, context.clock(), model, id, author=body.author)
    return json_answer(exclusions.list_exclusions(context.engine, model))
