"""Stored predictions over HTTP."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from app.core.model import Task
from app.storage.engine import write
from app.storage.ingest import Rows, insert_rows
from tests.services.served import NOW, Served, prediction, serve


@pytest.fixture
def served(engine: Engine) -> Served:
    served = serve(engine, Task.BINARY, versions=1)
    rows = [
        prediction(served.version_ids[0], f"p{i}", minutes=i, features={"x": i, "ä b": "NaN"}, score=None)
        for i in range(5)
    ]
    with write(engine) as connection:
        insert_rows(connection, [Rows(rows)], NOW)
    return served


def test_pages_lead_back_to_the_oldest(client: TestClient, served: Served) -> None:
    url: str | None = (
        f"/v1/models/{served.model.name}/predictions?limit=2&feature=x+%3E+0&feature=%22%C3%A4+b%22+%3D+NaN"
    )
    seen = []
    while url:
        answer = client.get(url)
        assert answer.status_code == 200
        seen.append([row["prediction_id"] for row in answer.json()])
        url = answer.links["next"]["url"] if "next" in answer.links else None
    assert seen == [["p4", "p3"], ["p2", "p1"]]


def test_a_row_is_what_was_sent(client: TestClient, served: Served) -> None:
    [row] = client.get(f"/v1/models/{served.model.name}/predictions", params={"prediction_id": "p3"}).json()
    assert row["features"] == {"x": 3, "ä b": "NaN"}
    assert (row["version"], row["prediction"], row["label"], row["corrected"]) == ("1", "yes", None, False)
    assert row["event_time"] == "2026-03-01T22:03:00Z"
    assert not {"id", "version_id", "batch_id"} & set(row)


@pytest.mark.parametrize(
    ("params", "field"),
    [({"feature": "x ! 3"}, "feature"), ({"before": "x"}, "before or after"), ({"segment": "FI"}, "segment")],
)
def test_what_cannot_be_asked_is_refused(
    client: TestClient, served: Served, params: dict[str, str], field: str
) -> None:
    answer = client.get(f"/v1/models/{served.model.name}/predictions", params=params)
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert client.get("/v1/models/nobody/predictions").status_code == 404
