"""POST /v1/predictions and /v1/corrections: what is stored, and what is answered."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, func, select, text

from app.api.context import Context
from app.core.model import Version
from app.services import catalogue
from app.storage import tables
from app.storage.engine import read, write

pytestmark = pytest.mark.usefixtures("fraud")

JSON = {"Content-Type": "application/json"}
NDJSON = {"Content-Type": "application/x-ndjson"}


def prediction(key: str = "p", **changes: Any) -> dict[str, Any]:
    record = {"model": "fraud", "version": "3", "prediction_id": key, "timestamp": "2026-11-20T10:00:00Z"}
    return {**record, "features": {"age": 31}, "score": 0.93, **changes}


def correction(key: str = "p", **changes: Any) -> dict[str, Any]:
    record = {"model": "fraud", "prediction_id": key, "timestamp": "2026-11-20T11:00:00Z", "value": 1}
    return {**record, "source": "ground_truth", **changes}


def send(client: TestClient, body: bytes | object, headers: dict[str, str] = JSON) -> tuple[int, dict[str, Any]]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = client.post("/v1/predictions", content=content, headers=headers)
    return response.status_code, response.json()


def keys(engine: Engine) -> list[str]:
    with read(engine) as connection:
        return sorted(connection.scalars(select(tables.prediction.c.prediction_id)))


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        pytest.param(json.dumps(prediction()).encode(), JSON, id="one object"),
        pytest.param(
            json.dumps([prediction()]).encode(), {"Content-Type": "application/json; charset=utf-8"}, id="array"
        ),
        pytest.param(json.dumps(prediction()).encode() + b"\n", NDJSON, id="a line"),
        pytest.param(gzip.compress(json.dumps(prediction()).encode()), JSON | {"Content-Encoding": "gzip"}, id="gzip"),
        pytest.param(
            gzip.compress(b"[") + gzip.compress(json.dumps(prediction()).encode() + b"]"),
            JSON | {"Content-Encoding": "gzip"},
            id="gzip in several members",
        ),
    ],
)
def test_a_record_is_stored_in_each_form(
    client: TestClient, engine: Engine, body: bytes, headers: dict[str, str]
) -> None:
    assert send(client, body, headers) == (200, {"accepted": 1, "duplicates": 0, "rejected": []})
    assert keys(engine) == ["p"]


def test_sending_twice_changes_nothing(client: TestClient, engine: Engine) -> None:
    send(client, [prediction("a")])

    answer = send(client, [prediction("a"), prediction("b"), prediction("b")])

    assert answer == (200, {"accepted": 1, "duplicates": 2, "rejected": []})
    assert keys(engine) == ["a", "b"]


def test_corrections_may_come_before_their_prediction(client: TestClient, engine: Engine) -> None:
    response = client.post("/v1/corrections", json=[correction(), correction(), correction(source="rumour")])

    assert response.status_code == 200
    assert {name: response.json()[name] for name in ("accepted", "duplicates")} == {"accepted": 1, "duplicates": 1}
    assert response.json()["rejected"][0] | {"error": ""} == {
        "index": 2,
        "field": "source",
        "value": "rumour",
        "error": "",
    }
    with read(engine) as connection:
        assert connection.scalar(select(tables.correction.c.label_class)) == "1"


def test_the_neighbours_of_wrong_records_are_stored(client: TestClient, engine: Engine) -> None:
    future = (datetime.now(UTC) + timedelta(minutes=10)).isoformat()
    wrong = [prediction(version="4"), prediction(timestamp=future), prediction(latency_ms=-1), "no record"]

    status, receipt = send(client, [wrong[0], prediction("a"), *wrong[1:3], prediction("b"), wrong[3]])

    assert (status, receipt["accepted"]) == (200, 2)
    assert [(r["index"], r["field"]) for r in receipt["rejected"]] == [
        (0, "version"),
        (2, "timestamp"),
        (3, "latency_ms"),
        (5, ""),
    ]
    assert keys(engine) == ["a", "b"]


def test_a_batch_of_wrong_records_only_is_refused_with_its_receipt(client: TestClient) -> None:
    status, receipt = send(client, prediction(model="nobody"))

    assert status == 422
    assert receipt["rejected"][0]["error"] == "there is no such model; known are: fraud"


def test_no_records_are_no_error(client: TestClient) -> None:
    assert send(client, []) == (200, {"accepted": 0, "duplicates": 0, "rejected": []})


def test_a_model_registered_by_another_process_is_found_at_once(
    client: TestClient, engine: Engine, fraud: Version
) -> None:
    from app.services.catalogue import register_version

    context: Context = client.app.state.context  # type: ignore[attr-defined]
    send(client, prediction("a"))
    register_version(engine, "fraud", Version(0, "4"), datetime.now(UTC))
    context.targets._pause = 0.0

    assert send(client, prediction("a", version="4"))[0] == 200


@pytest.mark.parametrize(
    ("body", "headers", "status", "words"),
    [
        pytest.param(b"", JSON, 400, "JSON object or an array", id="nothing"),
        pytest.param(b"[{]", JSON, 400, "not valid JSON", id="broken JSON"),
        pytest.param(b"{}", {}, 415, "Content-Type", id="no content type, as a stranger's form could send it"),
        pytest.param(b"{}", {"Content-Type": "text/plain"}, 415, "Content-Type", id="another content type"),
        pytest.param(b"{}", JSON | {"Content-Encoding": "br"}, 415, "Content-Encoding", id="another encoding"),
        pytest.param(b"{}", JSON | {"Content-Encoding": "gzip"}, 400, "not valid gzip", id="not gzip"),
        pytest.param(gzip.compress(b"[]" * 999)[:-9], JSON | {"Content-Encoding": "gzip"}, 400, "too early", id="cut"),
        pytest.param(b"[" + b" " * (1 << 20) + b"]", JSON, 413, "too large", id="too large"),
        pytest.param(b"[" + b"0," * 100_000 + b"0]", JSON, 413, "100001 records", id="too many for their answers"),
        pytest.param(b"0\n" * 100_001, NDJSON, 413, "100001 records", id="too many lines"),
        pytest.param(
            gzip.compress(b"") * 50_000, JSON | {"Content-Encoding": "gzip"}, 400, "members", id="gzip in crumbs"
        ),
        pytest.param(
            gzip.compress(b"[" + b" " * (200 << 20) + b"]"),
            JSON | {"Content-Encoding": "gzip"},
            413,
            "too large",
            id="bomb",
        ),
    ],
)
def test_a_body_that_cannot_be_taken_stores_nothing(
    client: TestClient, engine: Engine, body: bytes, headers: dict[str, str], status: int, words: str
) -> None:
    answer = send(client, body, headers)

    assert answer[0] == status
    assert words in answer[1]["error"]
    assert keys(engine) == []


def test_a_body_of_unknown_length_is_cut_off_at_the_limit(client: TestClient) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(100):
            yield b" " * (1 << 16)

    response = client.post("/v1/predictions", content=endless(), headers=JSON)

    assert response.status_code == 413


def test_a_full_queue_asks_to_come_again(client: TestClient, engine: Engine) -> None:
    context: Context = client.app.state.context  # type: ignore[attr-defined]
    answers: list[tuple[int, dict[str, Any]]] = []
    send(client, prediction("before"))  # from here on, only the committer uses the database

    def send_one(records: list[dict[str, Any]]) -> None:
        answers.append(send(client, records))

    with write(engine) as connection:  # nobody else commits meanwhile
        if connection.dialect.name != "sqlite":
            connection.execute(text("LOCK TABLE batch IN EXCLUSIVE MODE"))
        senders = [threading.Thread(target=send_one, args=([prediction("first")],))]
        senders[0].start()
        while context.committer.waiting or not _is_committing(context):
            threading.Event().wait(0.005)
        senders.append(threading.Thread(target=send_one, args=([prediction(str(i)) for i in range(50)],)))
        senders[1].start()
        while context.committer.waiting < 50:
            threading.Event().wait(0.005)

        refused = client.post("/v1/predictions", json=prediction("late"))

    for sender in senders:
        sender.join()
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
    assert "50 records wait" in refused.json()["error"]
    assert [status for status, _ in answers] == [200, 200]
    assert "late" not in keys(engine)


def _is_committing(context: Context) -> bool:
    """The committer holds a connection, that is, it has taken the first sender."""
    return bool(context.engine.pool.checkedout())  # type: ignore[attr-defined]


def test_a_database_that_fails_asks_to_come_again(client: TestClient, engine: Engine) -> None:
    send(client, prediction("a"))
    with write(engine) as connection:
        connection.execute(text("ALTER TABLE batch RENAME TO elsewhere"))

    response = client.post("/v1/predictions", json=prediction("b"))

    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    with write(engine) as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO batch"))
    assert send(client, prediction("b"))[0] == 200
    assert keys(engine) == ["a", "b"]


def test_a_version_that_is_gone_is_noticed(client: TestClient, engine: Engine, fraud: Version) -> None:
    send(client, prediction("a"))
    with write(engine) as connection:
        connection.execute(delete(tables.version).where(tables.version.c.id == fraud.id))

    assert send(client, prediction("b"))[0] == 503
    assert send(client, prediction("b"))[0] == 422


WRONG = st.sampled_from(
    [
        {"latency_ms": -1},
        {"version": "9"},
        {"features": {"a": [1, "x"]}},
        {"timestamp": "today"},
        {"prediction_id": "\0"},
    ]
)
NUMBERED = st.integers(0, 30).map(lambda number: prediction(str(number)))
MIXTURE = st.lists(st.tuples(NUMBERED, st.none() | WRONG), min_size=1, max_size=40)


@examples(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(MIXTURE, min_size=1, max_size=3), lines=st.booleans())
def test_every_good_record_is_stored_once_and_every_bad_one_reported(
    client: TestClient, engine: Engine, batches: list[list[tuple[dict[str, Any], dict[str, Any] | None]]], lines: bool
) -> None:
    with write(engine) as connection:
        connection.execute(delete(tables.prediction))
    expected: set[str] = set()
    for batch in batches:
        records = [{**record, **(wrong or {})} for record, wrong in batch]
        body = "\n".join(map(json.dumps, records)) if lines else json.dumps(records)

        status, receipt = send(client, body.encode(), NDJSON if lines else JSON)

        good = [record["prediction_id"] for record, wrong in batch if wrong is None]
        assert [r["index"] for r in receipt["rejected"]] == [
            i for i, (_, wrong) in enumerate(batch) if wrong is not None
        ]
        assert receipt["accepted"] == len(set(good) - expected)
        assert receipt["duplicates"] == len(good) - receipt["accepted"]
        assert status == (200 if good else 422)
        expected |= set(good)
    assert keys(engine) == sorted(expected)


def test_a_batch_that_was_answered_waits_for_the_fold(client: TestClient, engine: Engine) -> None:
    send(client, [prediction("a"), prediction("b")])

    with read(engine) as connection:
        unfolded = select(func.sum(tables.batch.c.predictions)).where(tables.batch.c.folded_at.is_(None))
        assert connection.scalar(unfolded) == 2


def test_offline_features_are_stored_once_and_need_a_version_only_where_there_are_several(
    client: TestClient, engine: Engine
) -> None:
    context: Context = client.app.state.context  # type: ignore[attr-defined]
    context.targets._pause = 0.0
    record = {"model": "fraud", "prediction_id": "p", "features": {"age": 31}}

    first = client.post("/v1/features", json=[record, {**record, "version": "3"}, {**record, "features": 1}])
    again = client.post("/v1/features", json={**record, "features": {"age": 32}})

    assert first.status_code == 200
    assert {name: first.json()[name] for name in ("accepted", "duplicates")} == {"accepted": 1, "duplicates": 1}
    assert [(one["index"], one["field"]) for one in first.json()["rejected"]] == [(2, "features")]
    assert again.json() == {"accepted": 0, "duplicates": 1, "rejected": []}
    with read(engine) as connection:
        assert connection.scalars(select(tables.offline_feature.c.features)).all() == ['{"age":31}']
    catalogue.register_version(engine, "fraud", Version(0, "4"), datetime.now(UTC))
    unclear = client.post("/v1/features", json={**record, "prediction_id": "q"})
    assert unclear.status_code == 422
    assert unclear.json()["rejected"][0]["error"] == "is missing; the model has not one version but: 3, 4"
