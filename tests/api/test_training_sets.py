"""Training sets over HTTP, and the trainer of the documentation, which fetches one and registers what came of it."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import httpx
import pandas as pd
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from app.api import training_sets
from app.core.model import Task, Version
from app.storage.engine import write
from app.storage.ingest import CorrectionRow, PredictionRow, Rows, insert_rows
from tests.api.conftest import NOW
from tests.services.served import layout_of, refer

DOCS = Path(__file__).parents[2] / "docs" / "flywheel.md"
SET = "/v1/models/fraud/training-set"
SINCE = {"since": (NOW - timedelta(days=1)).isoformat()}


@pytest.fixture
def labelled(engine: Engine, fraud: Version) -> Version:
    """Thirty predictions of today with ground truth: what is above ten is fraud."""
    predictions: list[PredictionRow] = []
    corrections: list[CorrectionRow] = []
    for i in range(30):
        label = "1" if i > 10 else "0"
        features = f'{{"x": {i}, "kind": "a"}}'
        predictions.append((fraud.id, f"p{i}", NOW, features, label, None, 0.5, None, None, None, None, None))
        said = (fraud.model_id, None, f"p{i}", NOW, "ground_truth", label, None, None)
        corrections.append((*said, False, None, None, f"d{i}"))
    with write(engine) as connection:
        insert_rows(connection, [Rows(predictions, corrections)], NOW)
        refer(connection, fraud.id, layout_of(Task.BINARY), NOW)
    return fraud


def test_rows_come_as_a_file_with_a_link_to_what_it_holds(client: TestClient, labelled: Version) -> None:
    answer = client.get(SET, params={**SINCE, "format": "csv"})

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    digest = base64.b64encode(hashlib.sha256(answer.content).digest()).decode()
    assert answer.headers["repr-digest"] == f"sha-256=:{digest}:"
    assert len(pd.read_csv(io.BytesIO(answer.content))) == 30
    link = re.fullmatch(r'<(/v1/training-sets/\w+)>; rel="describedby".*', answer.headers["link"])
    assert link is not None
    manifest = client.get(link[1]).json()
    assert (manifest["rows"], manifest["rows_by_source"], manifest["versions"]) == (30, {"ground_truth": 30}, ["3"])
    assert client.get("/v1/models/fraud/training-sets").json() == [manifest]
    again = client.get(SET, params={**SINCE, "until": manifest["until"], "as_of": manifest["as_of"]})
    assert again.headers["link"] == answer.headers["link"]


def test_nothing_stays_on_the_disk(client: TestClient, labelled: Version, tmp_path: Path) -> None:
    with patch.object(training_sets, "CHUNK", 100), client.stream("GET", SET, params=SINCE) as answer:
        next(answer.iter_raw())
        assert list((tmp_path / "training-sets").iterdir()) == []


def test_errors_name_the_field(client: TestClient, labelled: Version) -> None:
    for given, field in (({"as_of": "yesterday"}, "as_of"), ({"until": SINCE["since"]}, "until")):
        wrong = client.get(SET, params={**SINCE, **given})
        assert (wrong.status_code, wrong.json()["field"]) == (422, field)
    assert client.get(SET, params={**SINCE, "version": "9"}).status_code == 404
    assert client.get("/v1/training-sets/5f0c").status_code == 404
    assert client.get(SET).status_code == 422


def test_exclusions_are_added_listed_and_ended(client: TestClient, labelled: Version) -> None:
    path = "/v1/models/fraud/exclusions"
    added = client.post(path, json={"author": "ann", "comment": "tests", "prediction_ids": ["p1", "p0"]}).json()
    assert client.get(path).json() == [added]
    assert added["prediction_ids"] == ["p0", "p1"]
    link = client.get(SET, params=SINCE).headers["link"]
    assert client.get(link[1 : link.index(">")]).json()["left_out"]["excluded"] == 2
    assert client.post(f"{path}/{added['id']}/end", json={"author": "bob"}).json() == []
    assert client.post(f"{path}/{added['id']}/end", json={"author": "bob"}).status_code == 404
    assert client.get(path, params={"ended": True}).json()[0]["ended_by"] == "bob"


def test_the_trainer_of_the_documentation_works(
    client: TestClient, labelled: Version, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [trainer] = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    trainer = trainer.replace("2026-09-01T00:00:00Z", (NOW - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ"))
    monkeypatch.setenv("WATCHKEEPER_KEY", "none is asked for on this machine")
    monkeypatch.chdir(tmp_path)
    with patch.object(httpx, "Client", autospec=True, return_value=client):
        exec(compile(trainer, str(DOCS), "exec"), {})
    [model] = client.get("/v1/models").json()
    [manifest] = client.get("/v1/models/fraud/training-sets").json()
    new = model["versions"][-1]
    assert (new["name"], new["training_set"]) == ("4", manifest["content_sha256"])
    assert new["newest_training_row"] == manifest["newest_row"]
    assert (tmp_path / "fraud-4.joblib").exists()
