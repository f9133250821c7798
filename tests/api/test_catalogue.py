"""Models, versions and references over HTTP, and what the interface says about itself."""

from __future__ import annotations

from datetime import UTC, datetime
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any
from unittest.mock import patch

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, select, text

import app.api
from app.api import records
from app.core.errors import ConflictError
from app.core.model import Version
from app.services import rounds
from app.services.schedule import Job
from app.settings import Settings
from app.storage import tables
from app.storage.engine import read, write

CSV = {"Content-Type": "text/csv"}


def test_a_registered_model_is_listed_with_its_versions(client: TestClient) -> None:
    model = {"name": "fraud", "task": "binary", "positive_label": "true", "label_delay_seconds": 86_400}
    model["false_alarms_per_month"] = 0.5
    version = {"name": "3", "framework": "xgboost", "dependencies": {"xgboost": "2.1"}, "decision_threshold": 0.4}

    assert client.post("/v1/models", json=model).status_code == 200
    assert client.post("/v1/models/fraud/versions", json=version).status_code == 200

    [listed] = client.get("/v1/models").json()
    assert {name: listed[name] for name in model} == {**model, "positive_label": "1"}
    assert {name: listed["versions"][0][name] for name in version} == version


def test_segments_are_declared_with_the_model_and_later(client: TestClient) -> None:
    model = {"name": "fraud", "task": "binary", "segment_by": ["country"]}
    assert client.post("/v1/models", json=model).json()["segment_by"] == ["country"]
    client.post("/v1/models/fraud/versions", json={"name": "3"})
    later = client.put("/v1/models/fraud/segment-by", json={"segment_by": ["country", "device"]})
    assert (later.status_code, later.json()) == (200, [{"version": "3", "since": None}])
    assert client.get("/v1/models").json()[0]["segment_by"] == ["country", "device"]
    wrong = client.put("/v1/models/fraud/segment-by", json={"segment_by": ["a=b"]})
    assert wrong.status_code == 422
    assert "segment_by: 'a=b'" in wrong.json()["error"]


def test_tags_come_with_the_model_and_change_later(client: TestClient) -> None:
    model = {"name": "fraud", "task": "binary", "tags": ["pricing", "europe"]}
    assert client.post("/v1/models", json=model).json()["tags"] == ["europe", "pricing"]
    assert client.patch("/v1/models/fraud", json={"owner": "ann"}).json()["tags"] == ["europe", "pricing"]
    assert client.patch("/v1/models/fraud", json={"tags": ["asia"]}).status_code == 200
    assert client.get("/v1/models").json()[0]["tags"] == ["asia"]
    wrong = client.patch("/v1/models/fraud", json={"tags": [""]})
    assert wrong.status_code == 422
    assert "tags: one of them is empty" in wrong.json()["error"]


def test_what_an_owner_declares_may_change_and_the_rest_stays(client: TestClient) -> None:
    model = {"name": "fraud", "task": "binary", "owner": "ann", "max_staleness_seconds": 60}
    client.post("/v1/models", json=model)
    client.post("/v1/models/fraud/versions", json={"name": "3"})
    changes = {"label_delay_seconds": 86_400, "max_staleness_seconds": None, "false_alarms_per_month": 0.5}
    assert client.patch("/v1/models/fraud", json=changes).status_code == 200
    retired = client.patch("/v1/models/fraud/versions/3", json={"stage": "retired"})
    assert (retired.status_code, retired.json()["stage"]) == (200, "retired")
    [listed] = client.get("/v1/models").json()
    assert {name: listed[name] for name in [*model, *changes]} == {**model, **changes}
    assert listed["versions"][0]["stage"] == "retired"
    for path, wrong, said in (
        ("/v1/models/fraud", {"false_alarms_per_month": 0}, "false_alarms_per_month: 0.0 is not allowed"),
        ("/v1/models/fraud", {"task": "regression"}, "task"),
        ("/v1/models/fraud/versions/3", {"stage": "gone"}, "'registered', 'shadow', 'canary', 'live' or 'retired'"),
    ):
        refused = client.patch(path, json=wrong)
        assert refused.status_code == 422
        assert said in refused.json()["error"]
    assert client.patch("/v1/models/frauds", json={"owner": "bob"}).status_code == 404


def test_registering_again_is_no_error_and_registering_otherwise_is(client: TestClient) -> None:
    first = {"name": "fraud", "task": "binary", "max_staleness_seconds": 60}
    client.post("/v1/models", json=first)
    client.post("/v1/models/fraud/versions", json={"name": "3"})

    again = client.post("/v1/models", json=first)
    other = client.post("/v1/models", json={**first, "task": "regression", "owner": "ann"})
    version = client.post("/v1/models/fraud/versions", json={"name": "3", "runtime": "onnx"})

    assert (again.status_code, other.status_code, version.status_code) == (200, 409, 409)
    assert "its task is 'binary', not 'regression'; its owner is '', not 'ann'" in other.json()["error"]
    assert "its runtime is '', not 'onnx'" in version.json()["error"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param({"name": "fraud"}, "task", id="no task"),
        pytest.param({"name": "fraud", "task": "guess"}, "'multiclass'", id="the allowed tasks are said"),
        pytest.param({"name": "a/b", "task": "binary"}, "name: 'a/b'", id="a name that is a path"),
        pytest.param({"name": "..", "task": "binary"}, "name", id="a name that is a folder"),
        pytest.param({"name": "a\0", "task": "binary"}, "name", id="a name with NUL"),
        pytest.param({"name": "x" * 201, "task": "binary"}, "name", id="a name of 201 characters"),
        pytest.param({"name": "fraud", "task": "binary", "colour": "red"}, "colour", id="an unknown field"),
        pytest.param({"name": "fraud", "task": "binary", "confident_threshold": 1.5}, "confident", id="no probability"),
        pytest.param(
            {"name": "fraud", "task": "binary", "false_alarms_per_month": 0}, "false_alarms", id="no alarm ever"
        ),
        pytest.param({"name": "fraud", "task": "binary", "false_alarms_per_month": 101}, "up to 100", id="too many"),
        pytest.param({"name": "fraud", "task": "binary", "label_delay_seconds": -1}, "label_delay", id="before it"),
        pytest.param({"name": "fraud", "task": "binary", "label_delay_seconds": 10**30}, "label_delay", id="for ever"),
        pytest.param({"name": "fraud", "task": "binary", "max_staleness_seconds": 0}, "max_staleness", id="no time"),
    ],
)
def test_a_model_that_is_not_allowed_is_refused_with_the_field(
    client: TestClient, body: dict[str, Any], words: str
) -> None:
    response = client.post("/v1/models", json=body)

    assert response.status_code == 422
    assert words in response.json()["error"]


def test_a_version_of_an_unknown_model_is_not_found(client: TestClient, fraud: Version) -> None:
    response = client.post("/v1/models/fruad/versions", json={"name": "3"})

    assert response.status_code == 404
    assert response.json()["error"] == "no model 'fruad'; known are: fraud"


def reference_csv(rows: int = 240) -> bytes:
    lines = ["id,time,age,p,score,y"]
    for i in range(rows):
        time = f"2026-{1 + i // 56:02}-{1 + i // 2 % 28:02}T12:00:00Z"
        lines.append(f"{i},{time},{20 + i % 50},{i % 2},{(i % 10) / 10},{i % 2}")
    return "\n".join(lines).encode()


REFERENCE = "/v1/models/fraud/versions/3/reference"
COLUMNS = {
    "timestamp_column": "time",
    "prediction_column": "p",
    "score_column": "score",
    "label_column": "y",
    "exclude": ["id"],
}


def test_a_reference_is_uploaded(client: TestClient, fraud: Version, engine: Engine, settings: Settings) -> None:
    response = client.put(
        "/v1/models/fraud/versions/3/reference",
        content=reference_csv(),
        params=COLUMNS | {"out_of_sample": True},
        headers=CSV,
    )

    assert response.status_code == 200, response.text
    summary = response.json()
    assert (summary["rows"], summary["features"], summary["windows"], summary["rejected"]) == (240, 1, 120, 0)
    with read(engine) as connection:
        stored = connection.execute(select(tables.reference.c.rows, tables.reference.c.out_of_sample)).one()
    assert tuple(stored) == (240, True)
    assert list((settings.data_dir / "uploads").iterdir()) == []


@pytest.mark.parametrize(
    ("path", "params", "headers", "status"),
    [
        pytest.param("/v1/models/fraud/versions/4/reference", {}, CSV, 404, id="an unknown version"),
        pytest.param(
            "/v1/models/fraud/versions/3/reference", {}, {"Content-Type": "text/html"}, 415, id="another type"
        ),
        pytest.param("/v1/models/fraud/versions/3/reference", {"score_column": "nope"}, CSV, 404, id="unknown column"),
        pytest.param(
            "/v1/models/fraud/versions/3/reference",
            {},
            CSV | {"Content-Encoding": "gzip"},
            415,
            id="a compressed upload",
        ),
    ],
)
def test_a_reference_that_cannot_be_taken_leaves_nothing_behind(
    client: TestClient,
    fraud: Version,
    settings: Settings,
    path: str,
    params: dict[str, str],
    headers: dict[str, str],
    status: int,
) -> None:
    response = client.put(path, content=reference_csv(), params=params, headers=headers)

    assert response.status_code == status
    uploads: Path = settings.data_dir / "uploads"
    assert not uploads.exists() or list(uploads.iterdir()) == []


def test_a_reference_beyond_the_limit_is_refused(client: TestClient, fraud: Version, settings: Settings) -> None:
    object.__setattr__(settings, "max_reference_mb", 1)

    response = client.put(REFERENCE, content=b"a" * ((1 << 20) + 1), params=COLUMNS, headers=CSV)

    assert response.status_code == 413


def test_results_of_an_unknown_model_are_not_found(client: TestClient) -> None:
    assert client.get("/v1/measurements", params={"model": "nobody"}).status_code == 404
    assert client.get("/v1/alerts", params={"model": "nobody"}).status_code == 404


def test_a_model_without_results_has_none(client: TestClient, fraud: Version) -> None:
    assert client.get("/v1/measurements", params={"model": "fraud"}).json() == []
    assert client.get("/v1/alerts").json() == []


def test_the_time_of_a_question_needs_a_zone(client: TestClient, fraud: Version) -> None:
    response = client.get("/v1/measurements", params={"model": "fraud", "since": "2026-01-01T00:00:00"})

    assert response.status_code == 422
    assert "since" in response.json()["error"]


def test_ready_means_reachable_and_of_the_right_schema(client: TestClient, engine: Engine) -> None:
    assert client.get("/readyz").status_code == 200

    with write(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))

    waiting = client.get("/readyz")
    assert waiting.status_code == 503
    assert waiting.json()["mend"] == "watchkeeper db upgrade"
    assert client.get("/healthz").status_code == 200


def test_metrics_count_what_became_of_the_records(client: TestClient, fraud: Version) -> None:
    record = {"model": "fraud", "version": "3", "prediction_id": "p", "timestamp": "2026-11-20T10:00:00Z"}
    good = {**record, "features": {}, "prediction": 1}
    client.post("/v1/predictions", json=[good, good, record])
    client.get("/somewhere/else")

    lines = client.get("/metrics").text.splitlines()

    for outcome in ("accepted", "duplicate", "rejected"):
        assert f'watchkeeper_records_total{{kind="prediction",outcome="{outcome}"}} 1.0' in lines
    assert 'watchkeeper_request_seconds_count{method="POST",route="/v1/predictions",status="200"} 1.0' in lines
    assert 'watchkeeper_request_seconds_count{method="GET",route="other",status="404"} 1.0' in lines
    assert "watchkeeper_commit_seconds_count 1.0" in lines
    assert "watchkeeper_commit_records_sum 2.0" in lines
    assert "watchkeeper_queue_records 0.0" in lines


def test_metrics_tell_of_the_worker_too(client: TestClient, fraud: Version, engine: Engine, settings: Settings) -> None:
    record = {"model": "fraud", "version": "3", "prediction_id": "p", "timestamp": "2026-11-20T10:00:00Z"}
    client.post("/v1/predictions", json={**record, "features": {}, "prediction": 1})
    now = datetime.now(UTC).replace(microsecond=0)
    with patch.object(rounds, "evaluate", autospec=True, side_effect=ConflictError("no")):
        rounds.run_round(engine, settings, now, environment={}, jobs=[Job.EVALUATE, Job.ALERT], force=True)

    lines = client.get("/metrics").text.splitlines()

    assert 'watchkeeper_job_failing{job="evaluate"} 1.0' in lines
    assert 'watchkeeper_job_failing{job="alert"} 0.0' in lines
    assert 'watchkeeper_job_last_success_timestamp_seconds{job="evaluate"} 0.0' in lines
    (done,) = [line for line in lines if line.startswith('watchkeeper_job_last_success_timestamp_seconds{job="alert"}')]
    assert float(done.split()[-1]) == pytest.approx(now.timestamp(), abs=30)
    assert "watchkeeper_unfolded_batches 1.0" in lines
    assert "watchkeeper_worker_leading 0.0" in lines
    assert "watchkeeper_sends_given_up 0.0" in lines
    with write(engine) as connection:  # asked of the database once, however often it is scraped
        connection.execute(text("UPDATE batch SET folded_at = created_at"))
    assert "watchkeeper_unfolded_batches 1.0" in client.get("/metrics").text.splitlines()


class Links(HTMLParser):
    """Everything that a page would load from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in {"src", "href"} and value is not None]


def test_the_docs_page_describes_every_route_and_loads_nothing(client: TestClient) -> None:
    page = client.get("/docs").text
    links = Links()
    links.feed(page)

    assert links.found == ["/openapi.json"]
    for path, methods in client.get("/openapi.json").json()["paths"].items():
        assert path in page
        assert all(method.upper() in page for method in methods)


def test_every_route_is_in_the_openapi_document(client: TestClient) -> None:
    document = client.get("/openapi.json").json()

    modules = [import_module(f"app.api.{found.name}") for found in iter_modules(app.api.__path__)]
    routers = [module.router.routes for module in modules if hasattr(module, "router")]
    written = {route.path for routes in [*routers, records.ROUTES] for route in routes}
    assert len(written) > 50
    assert set(document["paths"]) == written - {"/openapi.json", "/docs"}
    schemas = document["components"]["schemas"]
    assert schemas["Prediction"]["required"] == ["model", "version", "prediction_id", "timestamp", "features"]
    for reference in _references(document):
        assert reference.removeprefix("#/components/schemas/") in schemas


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for value in node.values() for found in _references(value)]
    return [found for value in node for found in _references(value)] if isinstance(node, list) else []
