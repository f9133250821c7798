"""Values as JSON answers."""

from __future__ import annotations

import msgspec
from fastapi import Response

from app.core.records import carried


def json_answer(value: object, status: int = 200) -> Response:
    """The value as JSON: numbers that JSON cannot hold become strings, as everywhere on the wire."""
    return Response(msgspec.json.encode(carried(value)), status, media_type="application/json")
