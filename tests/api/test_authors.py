"""Whatever somebody does over HTTP is signed with a name that can be written down."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from tests.services.measured import add_version

_LIMIT = {"check": "volume", "reason": "why"}
ACTS: dict[str, dict[str, Any]] = {
    "PATCH /v1/models/{model}/versions/{version}": {"stage": "retired"},
    "POST /v1/alerts/{identity}/acknowledge": {},
    "POST /v1/alerts/{identity}/unacknowledge": {},
    "POST /v1/alerts/{identity}/resolve": {"comment": "over"},
    "POST /v1/silences": {"comment": "why", "expires": "2099-01-01T00:00:00Z"},
    "POST /v1/silences/{identity}/end": {},
    "POST /v1/models/{model}/limits/set": {**_LIMIT, "limit": 1},
    "POST /v1/models/{model}/limits/remove": _LIMIT,
    "POST /v1/models/{model}/rollback": {},
    "POST /v1/models/{model}/versions/{version}/live": {},
    "POST /v1/models/{model}/drills": {},
    "POST /v1/drills/{drill_id}/call-off": {},
    "PUT /v1/models/{model}/review/settings": {},
    "POST /v1/models/{model}/review": {"answers": []},
    "POST /v1/models/{model}/review/undo": {"prediction_id": "p"},
    "POST /v1/routes": {"channels": []},
    "PUT /v1/routes/{identity}": {"channels": []},
    "POST /v1/models/{model}/exclusions": {"comment": "why", "prediction_ids": ["p"]},
    "POST /v1/models/{model}/exclusions/{id}/end": {},
}
"""What is sent beside the name."""
NOTHING_IS_DONE = {"POST /v1/routes/preview"}
THERE = {"model": "delay", "version": "1", "identity": "1", "drill_id": "1", "id": "1"}


def test_every_act_that_is_signed_is_tried_here(client: TestClient) -> None:
    spec = client.get("/openapi.json").json()
    signed = {
        f"{method.upper()} {path}"
        for path, methods in spec["paths"].items()
        for method, act in methods.items()
        if "author" in _properties(spec, act)
    }
    assert signed == {*ACTS, *NOTHING_IS_DONE}


def _properties(spec: dict[str, Any], act: dict[str, Any]) -> dict[str, Any]:
    body = act.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    name = body.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = spec["components"]["schemas"][name]["properties"] if name else {}
    return found


@pytest.mark.parametrize("act", ACTS)
def test_a_name_that_is_too_long_is_refused(client: TestClient, engine: Engine, act: str) -> None:
    add_version(engine)
    method, _, path = act.partition(" ")

    refused = client.request(method, path.format(**THERE), json={**ACTS[act], "author": "n" * 201})

    assert refused.status_code == 422
    assert refused.json()["field"] == "author"
    assert "it has 201 characters, allowed are at most 200" in refused.json()["error"]
