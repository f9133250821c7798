"""Routes over HTTP."""

from __future__ import annotations

from fastapi.testclient import TestClient
from sqlalchemy import Engine

from tests.services.measured import add_channels


def test_routes_are_added_explained_moved_and_removed(client: TestClient, engine: Engine) -> None:
    add_channels(engine, [("ops", "OPS"), ("pager", "PAGER")])
    assert client.get("/v1/routes").json() == []

    first = client.post("/v1/routes", json={"channels": ["ops"], "author": "ann", "repeat_seconds": 3600}).json()
    body = {"channels": ["pager"], "author": "ann", "severity": "critical", "position": 1}
    second = client.post("/v1/routes", json=body).json()

    assert (first["takes"], first["repeat_seconds"], second["position"]) == ("everything", 3600, 1)
    asked = {"model": "fraud", "check": "volume", "severity": "critical"}
    assert client.get("/v1/routes/explain", params=asked).json()["at_once"] == ["pager"]
    moved = client.post(f"/v1/routes/{second['id']}/move", json={"position": 2}).json()
    assert [row["id"] for row in moved] == [first["id"], second["id"]]
    assert client.get("/v1/routes/explain", params=asked).json()["at_once"] == ["ops"]
    assert [row["id"] for row in client.delete(f"/v1/routes/{first['id']}").json()] == [second["id"]]


def test_what_is_wrong_is_named(client: TestClient) -> None:
    unknown = client.post("/v1/routes", json={"channels": ["nobody"], "author": "ann"})
    wrong = client.post("/v1/routes", json={"channels": [], "author": "ann"})

    assert (unknown.status_code, wrong.status_code, wrong.json()["field"]) == (404, 422, "channels")
    assert client.delete("/v1/routes/7").status_code == 404
