"""Limits over HTTP: the same validation as on the command line."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

URL = "/v1/models/fraud/limits"
SET = {"check": "volume", "limit": 500.0, "author": "ann", "reason": "a campaign"}


@pytest.fixture
def fraud(client: TestClient) -> TestClient:
    client.post("/v1/models", json={"name": "fraud", "task": "binary", "false_alarms_per_month": 0.5})
    client.post("/v1/models/fraud/versions", json={"name": "3"})
    return client


def test_a_limit_is_set_and_removed_and_stays_in_the_list(fraud: TestClient) -> None:
    (row,) = fraud.post(f"{URL}/set", json=SET).json()
    assert {name: row[name] for name in SET} == SET
    assert fraud.post(f"{URL}/remove", json={"check": "volume", "author": "bob", "reason": "over"}).json() == []
    (ended,) = fraud.get(f"{URL}/set", params={"ended": True}).json()
    assert (ended["limit"], ended["removed_by"], ended["removal_reason"]) == (500.0, "bob", "over")


def test_what_is_wrong_is_named(fraud: TestClient) -> None:
    answer = fraud.post(f"{URL}/set", json={**SET, "check": "staleness"})
    assert (answer.status_code, answer.json()["field"]) == (422, "check")
    assert fraud.post(f"{URL}/remove", json={"check": "volume", "author": "bob", "reason": "over"}).status_code == 404
    assert fraud.post("/v1/models/nobody/limits/set", json=SET).status_code == 404


def test_a_model_without_windows_has_a_budget_and_no_limits(fraud: TestClient) -> None:
    found = fraud.get(URL).json()
    assert (found["limits"], found["window_start"]) == ([], None)
    assert found["false_alarms"] == {"expected": None, "budget": 0.5, "segments": None}
