"""A rollback drill from end to end: the serving side proves that it can load the earlier version, or does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any
from unittest.mock import patch

import pytest
import uvicorn
from fastapi.testclient import TestClient
from sqlalchemy import Engine, update
from standardwebhooks import Webhook

from app.api.app import create_app
from app.core.model import Version
from app.services.actions import send_due
from app.services.catalogue import register_version
from app.services.deployments import roll_back
from app.services.drills import drill, start_drill
from app.services.keys import create_key
from app.services.live import live_state
from app.services.recovery import recovery_of
from app.services.subscribers import list_subscribers, subscribe, unsubscribe
from app.services.targets import add_target
from app.settings import Settings
from app.storage import outbox
from app.storage.catalogue import find_model
from app.storage.engine import write
from app.storage.tables import version as versions
from collectors.client import LiveVersion
from tests.receivers import Received, http_receiver
from tests.services.measured import rows_of
from tests.services.test_deployments import add_reference

SECRET = "whsec_c2VjcmV0IG9mIHRoZSB0ZXN0cw=="
"""A key that is secret to nobody."""
NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
DRILLS = "/v1/models/fraud/drills"
ANN = {"author": "ann"}


def score(features: Mapping[str, Any], version: str) -> float:
    """What each version makes of a request."""
    return round(float(features["amount"]) / {"3": 1_000, "4": 900}[version], 6)


@pytest.fixture
def served(client: TestClient, engine: Engine, fraud: Version) -> TestClient:
    """Version 3 answered 30 requests; then 4 took over."""
    rows = [{"amount": 10.0 * number} for number in range(30)]
    records = [
        {
            "model": "fraud",
            "version": "3",
            "prediction_id": f"p{number:02}",
            "timestamp": NOW.isoformat(),
            "features": row,
            "score": score(row, "3"),
        }
        for number, row in enumerate(rows)
    ]
    assert client.post("/v1/predictions", json=records).json()["accepted"] == 30
    add_reference(engine, fraud.id)
    register_version(engine, "fraud", Version(0, "4"), NOW)
    return client


def begin(client: TestClient, **values: Any) -> dict[str, Any]:
    begun = client.post(DRILLS, json={**ANN, **values})
    assert begun.status_code == 200, begun.text
    found: dict[str, Any] = begun.json()
    return found


def answer(client: TestClient, drill_id: int, loaded: str, said: str = "3", rows: int = 20) -> dict[str, Any]:
    """The answer of a serving side that loaded one version, and says which."""
    task = client.get(f"/v1/drills/{drill_id}").json()
    answers = [{"id": row["id"], "score": score(row["features"], loaded)} for row in task["rows"][:rows]]
    found: dict[str, Any] = client.post(f"/v1/drills/{drill_id}", json={"version": said, "answers": answers}).json()
    return found


def test_who_loads_the_version_passes_and_nothing_that_is_live_changes(served: TestClient, engine: Engine) -> None:
    begun = begin(served)
    assert (begun["version"], begun["state"], begun["rows"]) == ("3", "running", 20)
    live = served.get("/v1/models/fraud/live").json()
    assert (live["version"], live["drill"]) == ("4", {"id": begun["id"], "version": "3"})
    task = served.get(f"/v1/drills/{begun['id']}").json()
    assert (task["version"], set(task["rows"][0])) == ("3", {"id", "features"})  # and not what the version said
    ended = answer(served, begun["id"], "3")
    assert (ended["state"], ended["reason"]) == ("passed", "")
    assert all(took is not None and took >= 0 for took in ended["steps"].values())
    live = served.get("/v1/models/fraud/live").json()
    assert (live["version"], live["drill"]) == ("4", None)
    assert [row["state"] for row in served.get(DRILLS).json()] == ["passed"]


def test_what_the_version_logs_meanwhile_is_not_asked_for(served: TestClient) -> None:
    begun = begin(served)
    asked = served.get(f"/v1/drills/{begun['id']}").json()["rows"]
    late = {"model": "fraud", "version": "3", "prediction_id": "a0", "timestamp": NOW.isoformat()}
    served.post("/v1/predictions", json=[{**late, "features": {"amount": 1.0}, "score": 0.5}])
    answers = [{"id": row["id"], "score": score(row["features"], "3")} for row in asked]
    ended = served.post(f"/v1/drills/{begun['id']}", json={"version": "3", "answers": answers}).json()
    assert (ended["state"], ended["reason"]) == ("passed", "")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param({"loaded": "4"}, "answers are not those of the version: 'p01' has score", id="the live version"),
        pytest.param({"loaded": "4", "said": "4"}, "version '4' answered, not '3'", id="the live one, and says so"),
        pytest.param({"loaded": "3", "rows": 19}, "1 of 20 rows are not answered", id="not all of it"),
    ],
)
def test_who_did_not_load_the_version_fails(served: TestClient, given: dict[str, Any], words: str) -> None:
    ended = answer(served, begin(served)["id"], **given)
    assert ended["state"] == "failed"
    assert words in ended["reason"]
    again = served.post(f"/v1/drills/{ended['id']}", json={"version": "3", "answers": []})
    assert again.status_code == 409
    assert f"drill {ended['id']} is over, it failed" in again.json()["error"]


def test_a_serving_side_that_is_late_or_away_fails_with_what_it_did_not_do(engine: Engine, served: TestClient) -> None:
    now = datetime.now(UTC)
    away = start_drill(engine, "fraud", now, author="ann", timeout=timedelta(seconds=30))
    late = drill(engine, away.id, now + timedelta(seconds=30))
    assert (late.state, late.reason) == (
        "failed",
        "nobody asked for the rows within 30 s: does the serving side listen for drills?",
    )
    slow = begin(served, timeout_seconds=60)
    served.get(f"/v1/drills/{slow['id']}")
    ended = drill(engine, slow["id"], datetime.now(UTC) + timedelta(hours=1))
    assert "the rows were fetched, and no answer came within 60 s" in ended.reason
    assert served.post(f"/v1/drills/{slow['id']}", json={"version": "3", "answers": []}).status_code == 409


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", f"/v1/drills/{10**20}", None),
        ("GET", "/v1/models/fraud/training-set?since=0001-01-01T00:00:00%2B14:00", None),
        ("GET", "/v1/models/fraud/deployments?since=0001-01-01T00:00:00%2B14:00", None),
        ("GET", "/v1/retraining/msg%00", None),
        (
            "POST",
            "/v1/models/fraud/review",
            '{"author": "a", "answers": [{"item": 1' + 20 * "0" + ', "verdict": "skip"}]}',
        ),
        ("POST", "/v1/models/fraud/drills", '{"author": "a", "timeout_seconds": -1e300}'),
        ("POST", "/v1/models/fraud/drills", '{"author": "a", "timeout_seconds": NaN}'),
    ],
)
def test_what_no_database_can_hold_is_the_callers_error_on_either(
    client: TestClient, fraud: Version, method: str, path: str, body: str | None
) -> None:
    answer = client.request(method, path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in {404, 422}
    assert answer.json()["error"]


def test_one_drill_at_a_time_and_none_without_anything_to_prove(served: TestClient, engine: Engine) -> None:
    begin(served)
    assert "runs until" in served.post(DRILLS, json=ANN).json()["error"]
    with write(engine) as connection:
        connection.execute(update(versions).where(versions.c.name == "3").values(stage="retired"))
    served.post("/v1/models", json={"name": "bare", "task": "binary"})
    served.post("/v1/models/bare/versions", json={"name": "1"})
    none = served.post("/v1/models/bare/drills", json=ANN)
    assert (none.status_code, "none was live before" in none.json()["error"]) == (409, True)
    served.post("/v1/models/bare/versions", json={"name": "2", "stage": "live"})
    unserved = served.post("/v1/models/bare/drills", json={**ANN, "to": "1"})
    assert "nothing is logged that it answered" in unserved.json()["error"]
    assert served.post(DRILLS, json={**ANN, "timeout_seconds": 0}).status_code == 422
    assert served.get("/v1/drills/999").status_code == 404


def test_a_key_that_sends_records_takes_part_but_begins_none(
    settings: Settings, engine: Engine, served: TestClient
) -> None:
    begun = begin(served)
    secret = create_key(engine, "serving", "ingest", NOW).secret
    app = create_app(replace(settings, require_keys=True))
    with TestClient(app, base_url="http://127.0.0.1:8600", headers={"Authorization": f"Bearer {secret}"}) as client:
        assert client.post(DRILLS, json=ANN).status_code == 403
        assert answer(client, begun["id"], "3")["state"] == "passed"


@pytest.fixture
def address(settings: Settings, served: TestClient) -> Any:
    """A collector over real HTTP on the same database."""
    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=0, log_level="error"))
    thread = Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


def test_the_client_hears_of_a_rollback_and_takes_part_in_drills(
    address: str, served: TestClient, engine: Engine
) -> None:
    def answers(version: str, rows: list[dict[str, Any]]) -> list[dict[str, object]]:
        return [{"score": score(row, version)} for row in rows]

    with LiveVersion("fraud", address, on_drill=answers) as live:
        assert live.ready(20)
        assert live.version == "4"
        begun = begin(served)
        found = drill(engine, begun["id"], datetime.now(UTC))
        while found.state == "running":
            found = drill(engine, begun["id"], datetime.now(UTC))
        assert (found.state, found.reason) == ("passed", "")
        roll_back(engine, "fraud", NOW, author="ann")
        while live.version != "3":
            pass


def test_subscribers_are_told_by_signed_webhooks_that_are_stored_with_the_change(
    engine: Engine, served: TestClient, settings: Settings, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    with http_receiver() as serving:
        for name in ("blue", "green"):
            add_target(engine, NOW, name, "webhook", {"url": serving.url(), "secret": f"file:{secret}"})
            subscribe(engine, NOW, "fraud", name, "ann")
        subscribe(engine, NOW, "fraud", "blue")  # again changes nothing
        roll_back(engine, "fraud", NOW, author="ann", reason="worse")
        # Whoever dies here has sent nothing, and lost nothing: the webhooks wait in the outbox.
        assert [row["state"] for row in rows_of(engine, "action")] == ["pending", "pending"]
        send_due(engine, NOW, replace(settings, allow_private_targets=True), {})
        unsubscribe(engine, "fraud", "green")
        told = [checked(one) for one in serving.received]
    assert [one["type"] for one in told] == ["model.live_changed"] * 2
    data = told[0]["data"]
    assert (data["version"], data["kind"], data["author"], data["reason"]) == ("3", "rollback", "ann", "worse")
    assert data["change"] == live_state(engine, "fraud").change
    [left] = list_subscribers(engine, "fraud")
    assert (left.target, left.author, left.state) == ("blue", "ann", "delivered")


def test_a_change_and_its_webhooks_are_stored_together_or_not_at_all(
    engine: Engine, served: TestClient, tmp_path: Path
) -> None:
    add_target(engine, NOW, "blue", "webhook", {"url": "https://serving.example.org", "secret": "env:SECRET"})
    subscribe(engine, NOW, "fraud", "blue")
    before = rows_of(engine, "deployment")
    dies = patch.object(outbox, "add_action", autospec=True, side_effect=RuntimeError("killed"))
    with dies, pytest.raises(RuntimeError, match="killed"):
        roll_back(engine, "fraud", NOW, author="ann")
    assert live_state(engine, "fraud").version == "4"
    assert rows_of(engine, "deployment") == before
    assert roll_back(engine, "fraud", NOW, author="ann").version == "3"
    assert len(rows_of(engine, "action")) == 1


def checked(one: Received) -> dict[str, Any]:
    found: dict[str, Any] = Webhook(SECRET).verify(one.body, dict(one.headers))
    return found


def test_a_drill_that_waits_is_called_off_and_proves_nothing(served: TestClient, engine: Engine) -> None:
    begun = begin(served)
    served.get(f"/v1/drills/{begun['id']}")
    path = f"/v1/drills/{begun['id']}/call-off"
    assert served.post(path, json={"author": " "}).status_code == 422

    body = {"author": "bob", "reason": "the serving side is deployed anew"}
    ended = served.post(path, json=body).json()

    assert (ended["state"], ended["called_off_by"], ended["reason"]) == ("called_off", "bob", body["reason"])
    assert ended["finished_at"] is not None
    assert served.get("/v1/models/fraud/live").json()["drill"] is None
    late = served.post(f"/v1/drills/{begun['id']}", json={"version": "3", "answers": []})
    assert late.status_code == 409
    assert "is over, bob called it off: the serving side is deployed anew" in late.json()["error"]
    assert served.post(path, json=body).status_code == 409
    assert served.post("/v1/drills/99/call-off", json=body).status_code == 404
    with engine.connect() as connection:
        known = recovery_of(connection, find_model(connection, "fraud"))
    assert (known.fallback, known.tried, known.failures) == ("3", False, 0)
    assert begin(served)["state"] == "running"  # and another one may begin


def test_calling_off_is_for_who_may_do_everything(served: TestClient, settings: Settings, engine: Engine) -> None:
    begun = begin(served)
    keys = {scope: create_key(engine, scope, scope, NOW).secret for scope in ("ingest", "admin")}
    with TestClient(create_app(replace(settings, require_keys=True)), base_url="http://127.0.0.1:8600") as guarded:
        answers = [
            guarded.post(
                f"/v1/drills/{begun['id']}/call-off", json=ANN, headers={"Authorization": f"Bearer {keys[scope]}"}
            ).status_code
            for scope in ("ingest", "admin")
        ]
    assert answers == [403, 200]
