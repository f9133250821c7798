"""The hot routes: records in, and after the commit a receipt out.

They are plain Starlette routes: FastAPI would parse and validate the body in Python, an order of magnitude slower.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.api.body import MIB, encoding_of, gunzip, read_body
from app.api.context import Context, context_of
from app.core.records import CorrectionRecord, OfflineFeaturesRecord, PredictionRecord, Receipt
from app.services.ingest import (
    Resolved,
    Targets,
    knows,
    resolve_corrections,
    resolve_offline_features,
    resolve_predictions,
)
from app.storage.ingest import CorrectionRow, OfflineRow, PredictionRow, Rows
from collectors.native import (
    Decoded,
    TooManyError,
    UndecodableError,
    decode_corrections,
    decode_offline_features,
    decode_predictions,
)

JSON = "application/json"
NDJSON = "application/x-ndjson"
_SMALL = 1 << 20  # bytes that are decoded on the spot, about 8 ms; longer bodies would hold up everybody else

Record = TypeVar("Record", PredictionRecord, CorrectionRecord, OfflineFeaturesRecord)
Row = TypeVar("Row", PredictionRow, CorrectionRow, OfflineRow)


@dataclass(frozen=True, slots=True)
class Kind(Generic[Record, Row]):
    """What tells the routes apart."""

    name: str
    decode: Callable[..., Decoded[Record]]
    resolve: Callable[[Targets, Sequence[Record], datetime, Sequence[int]], Resolved[Row]]
    rows: Callable[[list[Row]], Rows]


PREDICTIONS = Kind("prediction", decode_predictions, resolve_predictions, lambda rows: Rows(predictions=rows))
CORRECTIONS = Kind("correction", decode_corrections, resolve_corrections, lambda rows: Rows(corrections=rows))
OFFLINE_FEATURES = Kind(
    "offline_features", decode_offline_features, resolve_offline_features, lambda rows: Rows(offline=rows)
)


async def receive_predictions(request: Request) -> Response:
    """POST /v1/predictions."""
    return await _receive(request, PREDICTIONS)


async def receive_corrections(request: Request) -> Response:
    """POST /v1/corrections."""
    return await _receive(request, CORRECTIONS)


async def receive_offline_features(request: Request) -> Response:
    """POST /v1/features."""
    return await _receive(request, OFFLINE_FEATURES)


ROUTES = [
    Route("/v1/predictions", receive_predictions, methods=["POST"]),
    Route("/v1/corrections", receive_corrections, methods=["POST"]),
    Route("/v1/features", receive_offline_features, methods=["POST"]),
]


async def _receive(request: Request, kind: Kind[Record, Row]) -> Response:
    context = context_of(request)
    decoded, size = await _decoded(request, kind, context.settings.max_body_mb * MIB)
    targets = await _targets(context, decoded.records)
    resolved = kind.resolve(targets, decoded.records, context.clock(), decoded.indexes)
    accepted = 0
    if resolved.rows:
        inserted = await asyncio.wrap_future(context.committer.submit(kind.rows(resolved.rows), size))
        accepted = inserted.total
    rejected = sorted(decoded.rejected + resolved.rejected, key=lambda rejection: rejection.index)
    receipt = Receipt(accepted, len(resolved.rows) - accepted, rejected)
    context.metrics.received(kind.name, receipt)
    nothing_left = bool(rejected) and not resolved.rows
    return Response(msgspec.json.encode(receipt), 422 if nothing_left else 200, media_type=JSON)


async def _decoded(request: Request, kind: Kind[Record, Row], limit: int) -> tuple[Decoded[Record], int]:
    """What the body holds, and its size in bytes, unpacked."""
    lines = _is_lines(request)
    packed = encoding_of(request) == "gzip"
    body = await read_body(request, limit)

    def decode() -> tuple[Decoded[Record], int]:
        unpacked = gunzip(body, limit) if packed else body
        return kind.decode(unpacked, lines=lines), len(unpacked)

    try:
        return decode() if len(body) <= _SMALL and not packed else await run_in_threadpool(decode)
    except UndecodableError as error:
        raise HTTPException(413 if isinstance(error, TooManyError) else 400, str(error)) from None


def _is_lines(request: Request) -> bool:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type not in {JSON, NDJSON}:
        raise HTTPException(415, f"Content-Type: {content_type!r} is not allowed; allowed are {JSON} and {NDJSON}")
    return content_type == NDJSON


async def _targets(
    context: Context, records: Sequence[PredictionRecord | CorrectionRecord | OfflineFeaturesRecord]
) -> Targets:
    targets = context.targets.fresh()
    if targets is None or not knows(targets, records):
        targets = await run_in_threadpool(context.targets.reload)
    return targets
