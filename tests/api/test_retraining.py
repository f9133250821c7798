"""Reports over HTTP: who may make them, and what they are answered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import URL, Engine
from standardwebhooks import Webhook

from app.api.app import create_app
from app.core.model import Version
from app.core.retraining import Policy
from app.services.catalogue import register_version
from app.services.keys import create_key
from app.services.policies import set_policy
from app.services.retraining import start
from app.settings import Settings
from tests.api.conftest import NOW

SECRET = "whsec_aFVuVGVSMnNFY1JlVHRPa0VuaFVuVGVS"


@pytest.fixture
def database_url(sqlite_url: URL) -> URL:
    """What is written is tested with the services, on both databases."""
    return sqlite_url


@pytest.fixture
def run(engine: Engine, fraud: Version, monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of a run of fraud 3, asked for by hand of a signed webhook; version 4 is registered."""
    monkeypatch.setenv("RETRAIN", SECRET)
    policy = Policy(("volume",), timedelta(0), 0)
    set_policy(engine, NOW, "fraud", policy, webhook_url="https://ci.example.org", secret="env:RETRAIN")
    register_version(engine, "fraud", Version(0, "4"), NOW)
    return start(engine, NOW, Settings(), "fraud", reason="why not", author="ann", version="3").webhook_id


@pytest.fixture
def guarded(settings: Settings) -> Iterator[TestClient]:
    """A client of a collector that the network can reach."""
    app = create_app(replace(settings, host="0.0.0.0"))
    with TestClient(app, base_url="http://collector.example:8600", raise_server_exceptions=False) as client:
        yield client


def signed(run: str, body: bytes, secret: str = SECRET, at: datetime | None = None) -> dict[str, str]:
    at, message = at or datetime.now(UTC), f"{run}.1"
    signature = Webhook(secret).sign(message, at, body.decode())
    return {
        "webhook-id": message,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signature,
        "content-type": "application/json",
    }


def test_a_run_is_reported_on_shown_and_listed(client: TestClient, run: str) -> None:
    answer = client.post(f"/v1/retraining/{run}", json={"state": "running"})
    assert (answer.status_code, answer.json()["state"], answer.json()["changed"]) == (200, "running", True)
    done: dict[str, Any] = {"state": "succeeded", "version": "4", "metrics": {"auc": 0.9}, "training_set": "sha256:ab"}
    assert client.post(f"/v1/retraining/{run}", json=done).json()["new_version"] == "4"
    late = client.post(f"/v1/retraining/{run}", json={"state": "failed"})
    assert (late.status_code, late.json()["changed"]) == (200, False)
    assert late.json()["why"] == "it has ended as succeeded already"

    shown = client.get(f"/v1/retraining/{run}").json()
    assert [step["new_state"] for step in shown["steps"]] == ["requested", "running", "succeeded"]
    assert (shown["metrics"], shown["training_set"]) == ({"auc": 0.9}, "sha256:ab")
    listed = client.get("/v1/retraining", params={"model": "fraud", "state": "succeeded"}).json()
    assert [one["id"] for one in listed] == [run]
    assert client.get("/v1/retraining", params={"state": "failed"}).json() == []


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({}, 422, "state"),
        ({"state": "lost"}, 422, "state"),
        ({"state": "timed_out"}, 422, "allowed are accepted, running, succeeded, failed, cancelled"),
        ({"state": "running", "progress": 1}, 422, "progress"),
        ({"state": "running", "metrics": {"auc": [1]}}, 422, "metrics"),
        ({"state": "succeeded", "version": "5"}, 404, "no version '5'"),
        ({"state": "succeeded", "version": "3"}, 422, "it is the version that was to be retrained"),
    ],
)
def test_what_is_wrong_is_named(client: TestClient, run: str, body: dict[str, Any], status: int, said: str) -> None:
    answer = client.post(f"/v1/retraining/{run}", json=body)

    assert answer.status_code == status
    assert said in answer.json()["error"]


def test_what_is_no_json_or_too_large_is_refused(client: TestClient, run: str) -> None:
    assert client.post(f"/v1/retraining/{run}", content=b"state=running").status_code == 422
    assert client.post(f"/v1/retraining/{run}", content=b" " * (1 << 21)).status_code == 413
    assert client.post("/v1/retraining/msg_0", json={"state": "running"}).status_code == 404
    assert client.get("/v1/retraining/msg_0").status_code == 404


def test_with_keys_a_report_needs_one_of_scope_train_or_a_signature(
    guarded: TestClient, engine: Engine, run: str
) -> None:
    body = json.dumps({"state": "running"}).encode()
    keys = {scope: create_key(engine, scope, scope, NOW).secret for scope in ("ingest", "train")}
    path = f"/v1/retraining/{run}"

    assert guarded.post(path, content=body).status_code == 401
    assert guarded.post(path, content=body, headers={"Authorization": f"Bearer {keys['ingest']}"}).status_code == 403
    assert guarded.post(path, content=body, headers=signed(run, body, "whsec_b3RoZXI=")).status_code == 401
    assert (
        guarded.post(path, content=body, headers=signed(run, body, at=datetime(2026, 1, 1, tzinfo=UTC))).status_code
        == 401
    )
    assert guarded.post(path, content=b'{"state": "failed"}', headers=signed(run, body)).status_code == 401
    assert guarded.post("/v1/retraining/msg_0", content=body, headers=signed("msg_0", body)).status_code == 401
    assert guarded.post(path, content=body, headers=signed("msg_0", body)).status_code == 401  # said of another run
    assert guarded.get(path, headers=signed(run, b"")).status_code == 401
    assert guarded.post("/v1/predictions", content=body, headers=signed(run, body)).status_code == 401

    assert guarded.post(path, content=body, headers=signed(run, body)).json()["changed"] is True
    answer = guarded.post(path, content=body, headers={"Authorization": f"Bearer {keys['train']}"})
    assert (answer.status_code, answer.json()["changed"]) == (200, False)
    assert SECRET not in answer.text


def test_without_the_secret_no_signature_is_believed(
    guarded: TestClient, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RETRAIN")
    body = b'{"state": "running"}'

    assert guarded.post(f"/v1/retraining/{run}", content=body, headers=signed(run, body)).status_code == 401
