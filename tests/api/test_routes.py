"""Routes over HTTP."""

from __future__ import annotations

from fastapi.testclient import TestClient
from sqlalchemy import Engine

from app.services.alerting import alert
from tests.services.measured import START, add_channels, add_version, measure


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


def test_a_route_is_previewed_and_changed(client: TestClient, engine: Engine) -> None:
    add_channels(engine, [("ops", "OPS"), ("pager", "PAGER")])
    measure(engine, add_version(engine), "ob")
    alert(engine, START)
    made = client.post("/v1/routes", json={"channels": ["ops"], "author": "ann"}).json()

    (row,) = client.post("/v1/routes/preview", json={"channels": ["pager"], "instead_of": made["id"]}).json()
    assert (row["model"], row["changes"], row["now"]["at_once"], row["then"]["at_once"]) == (
        *("delay", True),
        *(["ops"], ["pager"]),
    )
    assert client.get("/v1/routes").json() == [made]

    body = {"channels": ["pager"], "author": "bob", "repeat_seconds": 60}
    changed = client.put(f"/v1/routes/{made['id']}", json=body).json()
    assert (changed["channels"], changed["repeat_seconds"], changed["author"]) == (["pager"], 60, "bob")
    assert client.put("/v1/routes/77", json=body).status_code == 404


def test_a_change_is_refused_where_the_route_is_not_as_it_was_seen(client: TestClient, engine: Engine) -> None:
    add_channels(engine, [("ops", "OPS"), ("pager", "PAGER")])
    rule = {"channels": ["ops"], "repeat_seconds": 3600, "go_on": True, "severity": "critical"}
    client.post("/v1/routes", json={**rule, "author": "ann"})
    (seen,) = client.get("/v1/routes").json()
    address = f"/v1/routes/{seen['id']}"

    first = client.put(address, json={**rule, "channels": ["pager"], "author": "bob", "seen": seen})
    second = client.put(address, json={**rule, "repeat_seconds": 60, "author": "cid", "seen": seen})

    assert (first.status_code, second.status_code) == (200, 409)
    error = second.json()["error"]
    assert error.startswith(f"route {seen['id']} was changed meanwhile, by bob at ")
    assert error.endswith(" UTC: channels ops before, now pager. Look again")
    assert client.get("/v1/routes").json() == [first.json()]


def test_what_is_wrong_is_named(client: TestClient) -> None:
    unknown = client.post("/v1/routes", json={"channels": ["nobody"], "author": "ann"})
    wrong = client.post("/v1/routes", json={"channels": [], "author": "ann"})

    assert (unknown.status_code, wrong.status_code, wrong.json()["field"]) == (404, 422, "channels")
    assert client.delete("/v1/routes/7").status_code == 404
