"""The review queue over HTTP."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from app.core.model import Version
from app.services.review_fill import fill_queues
from app.storage.engine import write
from app.storage.ingest import PredictionRow, Rows, insert_rows
from tests.api.conftest import NOW

PATH = "/v1/models/fraud/review"


@pytest.fixture
def waiting(client: TestClient, engine: Engine, fraud: Version) -> TestClient:
    """Three predictions wait for an audit."""
    client.put(f"{PATH}/settings", json={"author": "ann", "uncertain": False, "novel": False}).raise_for_status()
    rows: list[PredictionRow] = [
        (fraud.id, f"p{i}", NOW, '{"x": 1}', "1", None, 0.9, None, None, None, None, None) for i in range(3)
    ]
    with write(engine) as connection:
        insert_rows(connection, [Rows(rows)], NOW)
    fill_queues(engine, NOW)
    return client


def test_from_settings_to_an_answer_and_back(waiting: TestClient) -> None:
    settings = waiting.get(f"{PATH}/settings").json()
    assert (settings["audits_per_day"], settings["queue"]["audit"]["waiting"]) == (50, 3)
    rows = waiting.get(PATH, params={"author": "ann", "limit": 2}).json()
    assert [(row["prediction"], row["features"]) for row in rows] == [("1", {"x": 1})] * 2
    others = waiting.get(PATH, params={"author": "bob"}).json()
    assert len(others) == 1

    answers = [
        {"item": rows[0]["item"], "verdict": "confirm"},
        {"item": rows[1]["item"], "verdict": "correct", "label": 0},
    ]
    said = waiting.post(PATH, json={"author": "ann", "answers": answers})
    assert said.json() == {"answered": 2, "corrections": 2}
    assert waiting.post(PATH, json={"author": "ann", "answers": answers}).status_code == 409
    taken = {"author": "ann", "answers": [{"item": others[0]["item"], "verdict": "skip"}]}
    assert waiting.post(PATH, json=taken).status_code == 409

    undone = {"author": "ann", "prediction_id": rows[0]["prediction_id"]}
    assert waiting.post(f"{PATH}/undo", json=undone).json() == {"prediction_id": rows[0]["prediction_id"]}
    assert waiting.post(f"{PATH}/undo", json=undone).status_code == 404
    states = waiting.get(f"{PATH}/settings").json()["queue"]["audit"]
    assert (states["waiting"], states["answered"]) == (2, 1)


def test_a_single_decision_is_listed_and_taken_back(waiting: TestClient) -> None:
    rows = waiting.get(PATH, params={"author": "ann"}).json()
    answers = [{"item": row["item"], "verdict": "confirm"} for row in rows]
    waiting.post(PATH, json={"author": "ann", "answers": answers}).raise_for_status()

    newest, second = waiting.get(f"{PATH}/decisions", params={"author": "ann", "limit": 2}).json()
    assert (newest["author"], newest["kind"], newest["label"], newest["version"]) == ("ann", "audit", "1", "3")
    [oldest] = waiting.get(f"{PATH}/decisions", params={"before": second["item"]}).json()
    assert waiting.get(f"{PATH}/decisions", params={"until": "2020-01-01T00:00:00Z"}).json() == []

    undone = waiting.post(f"{PATH}/undo", json={"author": "ann", "item": oldest["item"]})
    assert undone.json() == {"prediction_id": oldest["prediction_id"]}
    left = waiting.get(f"{PATH}/decisions").json()
    assert [one["item"] for one in left] == [newest["item"], second["item"]]
    assert waiting.post(f"{PATH}/undo", json={"author": "bob", "item": newest["item"]}).status_code == 404
    assert waiting.post(f"{PATH}/undo", json={"author": "ann"}).json()["field"] == "prediction_id"
    assert waiting.get(f"{PATH}/decisions", params={"limit": 0}).json()["field"] == "limit"


def test_errors_name_the_field(waiting: TestClient) -> None:
    assert waiting.get(PATH).status_code == 422
    assert waiting.get("/v1/models/nobody/review", params={"author": "ann"}).status_code == 404
    wrong = waiting.put(f"{PATH}/settings", json={"author": "ann", "audits_per_day": -1})
    assert (wrong.status_code, wrong.json()["field"]) == (422, "audits_per_day")
    empty = waiting.post(PATH, json={"author": "ann", "answers": []})
    assert (empty.status_code, empty.json()["field"]) == (422, "answers")
