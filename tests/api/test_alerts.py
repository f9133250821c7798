"""Alerts and silences over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from app.services.alerting import alert
from tests.services.measured import add_version, measure

SOON = (datetime.now(UTC) + timedelta(hours=2)).isoformat()


@pytest.fixture
def firing(engine: Engine) -> int:
    """The id of an alert that fires."""
    measure(engine, add_version(engine), "b")
    alert(engine, datetime.now(UTC))
    return 1


def test_an_alert_is_taken_in_hand(client: TestClient, firing: int) -> None:
    answer = client.post(f"/v1/alerts/{firing}/acknowledge", json={"author": "ann", "comment": "on it", "group": True})

    assert answer.status_code == 200
    found = answer.json()
    assert (found["state"], found["acknowledged_by"], found["acknowledged_comment"]) == ("acknowledged", "ann", "on it")
    assert [change["new_state"] for change in found["history"]] == ["firing", "acknowledged"]
    assert client.get("/v1/alerts").json()[0]["status"] == "acknowledged"

    back = client.post(f"/v1/alerts/{firing}/unacknowledge", json={"author": "ann"})
    assert back.json()["state"] == "firing"


def test_an_alert_is_resolved_by_hand(client: TestClient, firing: int) -> None:
    assert client.post(f"/v1/alerts/{firing}/resolve", json={"author": "ann"}).status_code == 422
    found = client.post(f"/v1/alerts/{firing}/resolve", json={"author": "ann", "comment": "mended"}).json()

    assert (found["state"], found["resolved_by"], found["resolved_comment"]) == ("resolved", "ann", "mended")
    assert client.get("/v1/alerts").json() == []
    assert client.post(f"/v1/alerts/{firing}/resolve", json={"author": "ann", "comment": "x"}).status_code == 409


def test_what_cannot_be_taken_in_hand_is_a_clear_error(client: TestClient, firing: int) -> None:
    assert client.post("/v1/alerts/7/acknowledge", json={"author": "ann"}).status_code == 404
    assert client.post(f"/v1/alerts/{firing}/unacknowledge", json={"author": "ann"}).status_code == 409
    assert client.post(f"/v1/alerts/{firing}/acknowledge", json={"author": " "}).status_code == 422
    assert client.get("/v1/alerts/7").status_code == 404


def test_a_silence_is_made_and_ended(client: TestClient, firing: int) -> None:
    body = {"model": "delay", "expires": SOON, "author": "ann", "comment": "a migration"}
    made = client.post("/v1/silences", json=body).json()
    assert (made["status"], made["model"], made["check"]) == ("active", "delay", None)
    assert client.get("/v1/alerts").json()[0]["status"] == "silenced"
    assert client.get("/v1/silences").json() == [made]

    assert client.post(f"/v1/silences/{made['id']}/end", json={"author": "bob"}).json()["ended_by"] == "bob"
    assert client.get("/v1/silences").json() == []
    assert [row["status"] for row in client.get("/v1/silences", params={"ended": True}).json()] == ["ended"]
    assert client.post(f"/v1/silences/{made['id']}/end", json={"author": "bob"}).status_code == 409
    assert client.post("/v1/silences/9/end", json={"author": "bob"}).status_code == 404


WEEKLY = {"days": "sat,sun", "at": "22:00", "minutes": 180, "zone": "Europe/Berlin"}


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"weekly": WEEKLY, "expires": None}, 200),
        ({"weekly": {**WEEKLY, "zone": "Mars"}}, 422),
        ({"model": None}, 422),
        ({"expires": None}, 422),
    ],
)
def test_what_a_silence_may_say(client: TestClient, changes: dict[str, Any], status: int) -> None:
    body = {"model": "delay", "expires": SOON, "author": "ann", "comment": "x", **changes}
    assert client.post("/v1/silences", json=body).status_code == status
