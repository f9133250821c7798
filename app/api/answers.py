"""Values as JSON answers."""

from __future__ import annotations

import math

import msgspec
from fastapi import Response


def json_answer(value: object, status: int = 200) -> Response:
    """The value as JSON: numbers that JSON cannot hold become strings, as everywhere on the wire."""
    return Response(msgspec.json.encode(_carried(value)), status, media_type="application/json")


def _carried(value: object) -> object:
    """JSON has no NaN and no infinity; as elsewhere on the wire, they are strings."""
    if isinstance(value, dict):
        return {name: _carried(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_carried(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
    return value
