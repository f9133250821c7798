"""Causes and the scorecard over HTTP."""

from __future__ import annotations

from fastapi.testclient import TestClient
from sqlalchemy import Engine

from app.services.alerting import alert
from tests.services.measured import DAY, START, add_version, measure


def test_causes_are_rows_with_words(client: TestClient, engine: Engine) -> None:
    version_id = add_version(engine)
    measure(engine, version_id, "obb", check="performance", subject="accuracy", value=0.7, limit=0.8)
    measure(engine, version_id, "obb", subject="age", value=0.3)

    found = client.get("/v1/models/delay/causes").json()
    by_window = client.get("/v1/models/delay/causes", params={"window": (START + DAY).isoformat()}).json()

    assert (found["check"], found["window_start"]) == ("performance", "2026-03-03T00:00:00Z")
    assert by_window["window_start"] == "2026-03-02T00:00:00Z"
    assert [(row["rank"], row["subject"], row["importance"]) for row in found["causes"]] == [(1, "age", None)]
    assert found["causes"][0]["text"] == "age: 3.0 times its limit (importance unknown)"
    assert "importance is not known" in found["note"]


def test_nothing_to_explain_is_an_answer_too(client: TestClient, engine: Engine) -> None:
    version_id = add_version(engine)
    unknown = client.get("/v1/models/delay/causes").json()
    assert (unknown["check"], unknown["causes"]) == (None, [])
    assert unknown["note"] == "cannot tell: no window has been judged yet; run `watchkeeper run`"
    assert client.get("/v1/models/nobody/causes").status_code == 404
    wrong = client.get("/v1/models/delay/causes", params={"check": "staleness"})
    measure(engine, version_id, "oo")
    assert client.get("/v1/models/delay/causes").json()["note"] == "no check whose causes could be ranked is in breach"
    assert (wrong.status_code, wrong.json()["field"]) == (422, "check")


def test_the_scorecard_is_the_same_as_everywhere(client: TestClient, engine: Engine) -> None:
    version_id = add_version(engine)
    measure(engine, version_id, "ooo")

    card = client.get("/v1/models/delay/scorecard").json()

    assert card["score"] == 0.5  # long ago, and nobody is told
    assert len(card["items"]) == 11
    assert client.get("/v1/models/delay/scorecard", params={"version": "9"}).status_code == 404


def test_segments_are_ranked(client: TestClient, engine: Engine) -> None:
    version_id = add_version(engine)
    measure(engine, version_id, "obb")
    found = client.get("/v1/models/delay/segments").json()
    assert (found["model"], found["version"], found["segments"], found["attributes"]) == ("delay", "1", [], [])
    assert found["until"] == (START + 3 * DAY).isoformat().replace("+00:00", "Z")
    assert client.get("/v1/models/delay/segments", params={"version": "9"}).status_code == 404


def test_labels_are_told_with_their_delay(client: TestClient, engine: Engine) -> None:
    add_version(engine)

    found = client.get("/v1/models/delay/labels").json()

    assert (found["measured"], found["declared_delay_seconds"], found["windows"]) == (None, 0.0, [])
    assert found["advice"].startswith("not known yet")
    assert client.get("/v1/models/delay/labels", params={"version": "9"}).status_code == 404


def test_the_timeline_is_rows_by_time_and_kind(client: TestClient, engine: Engine) -> None:
    measure(engine, add_version(engine), "ob")
    alert(engine, START + 9 * DAY)
    span = {"since": START.isoformat(), "until": (START + 10 * DAY).isoformat()}

    (row,) = client.get("/v1/models/delay/timeline", params=span).json()

    assert (row["at"], row["kind"], row["what"]) == (
        "2026-03-10T00:00:00Z",
        "alert",
        "training_serving_skew fired for age",
    )
    assert client.get("/v1/models/delay/timeline", params={**span, "kind": "limit"}).json() == []
    wrong = client.get("/v1/models/delay/timeline", params={"kind": "weather"})
    assert (wrong.status_code, wrong.json()["field"]) == (422, "kind")
    assert client.get("/v1/models/nobody/timeline").status_code == 404


def test_an_alert_by_its_id(client: TestClient, engine: Engine) -> None:
    measure(engine, add_version(engine), "ob")
    alert(engine, START + 9 * DAY)
    (listed,) = client.get("/v1/alerts").json()

    found = client.get(f"/v1/alerts/{listed['id']}").json()

    assert (found["model"], found["subject"], found["others"]) == ("delay", "age", [])
    assert found["causes"][0]["text"] == "age: 2.0 times its limit (importance unknown)"
    assert found["messages"][0]["title"].endswith("breached for age")
    assert client.get("/v1/alerts/99").status_code == 404
