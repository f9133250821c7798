"""Which version is live over HTTP: tags, waiting for a change, and one change at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from app.api.app import create_app
from app.api.context import Context
from app.api.waiting import Waiting
from app.core.model import Model, Task, Version
from app.services.catalogue import register_model, register_version
from app.services.commit import QueueFullError
from app.services.deployments import make_live, roll_back
from app.services.keys import create_key
from app.services.live import LiveState, live_state
from app.settings import Settings
from tests.services.test_deployments import add_reference

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
LIVE = "/v1/models/fraud/live"
ANN = {"author": "ann", "reason": "worse"}


@pytest.fixture
def two(engine: Engine, fraud: Version) -> None:
    """Version 4 is live, in place of version 3."""
    add_reference(engine, fraud.id)
    register_version(engine, "fraud", Version(0, "4"), NOW)


def context(client: TestClient) -> Context:
    found: Context = client.app.state.context  # type: ignore[attr-defined]  # a FastAPI in a TestClient
    return found


@pytest.fixture
def waiters() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def ask(client: TestClient, etag: str, **query: Any) -> Any:
    return client.get(LIVE, headers={"If-None-Match": etag}, params=query)


def waiting_for(client: TestClient, number: int) -> None:
    """Until so many wait."""
    while context(client).waiting.number < number:
        pass


def test_the_live_version_and_the_laws_of_its_tag(client: TestClient, engine: Engine, two: None) -> None:
    first = client.get(LIVE)
    body = first.json()
    assert (body["model"], body["version"], body["versions"]) == ("fraud", "4", ["4"])
    etag = first.headers["etag"]
    assert client.get(LIVE).headers["etag"] == etag  # the same state has the same tag
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        same = ask(client, known)
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", etag)
    assert ask(client, '"other"').status_code == 200
    roll_back(engine, "fraud", NOW, author="ann")
    back = ask(client, etag)
    assert (back.status_code, back.json()["version"]) == (200, "3")
    make_live(engine, "fraud", "4", NOW, author="ann")
    again = ask(client, etag)  # as it was, and yet another deployment: who missed both changes is told
    assert (again.status_code, again.json()["version"]) == (200, "4")
    assert again.json()["change"] > back.json()["change"] > body["change"]


def test_a_model_without_a_live_version_and_one_that_is_not_there(client: TestClient) -> None:
    client.post("/v1/models", json={"name": "new", "task": "binary"})
    found = client.get("/v1/models/new/live")
    assert found.json() == {"model": "new", "version": None, "versions": [], "since": None, "change": 0, "drill": None}
    assert client.get("/v1/models/none/live").status_code == 404


def test_a_change_through_this_collector_answers_who_waits_at_once(
    client: TestClient, two: None, waiters: ThreadPoolExecutor
) -> None:
    context(client).waiting._pause = 30.0  # whatever is answered is answered by the nudge
    etag = client.get(LIVE).headers["etag"]
    answers = [waiters.submit(ask, client, etag, wait=20) for _ in range(3)]
    waiting_for(client, 3)
    made = client.post("/v1/models/fraud/rollback", json=ANN)
    assert (made.status_code, made.json()["version"], made.json()["replaces"]) == (200, "3", ["4"])
    assert [answer.result(10).json()["version"] for answer in answers] == ["3"] * 3


def test_a_change_by_another_process_is_seen_by_the_next_look(
    client: TestClient, engine: Engine, two: None, waiters: ThreadPoolExecutor
) -> None:
    context(client).waiting._pause = 0.01
    etag = client.get(LIVE).headers["etag"]
    answer: Future[Any] = waiters.submit(ask, client, etag, wait=20)
    waiting_for(client, 1)
    roll_back(engine, "fraud", NOW, author="ann")
    assert answer.result(10).json()["version"] == "3"


def test_nothing_happens_until_the_time_is_over(client: TestClient, two: None) -> None:
    etag = client.get(LIVE).headers["etag"]
    assert ask(client, etag, wait=1).status_code == 304
    preferred = client.get(LIVE, headers={"If-None-Match": etag, "Prefer": "respond-async, wait=1"})
    assert (preferred.status_code, preferred.headers["preference-applied"]) == (304, "wait=1")
    assert context(client).waiting.number == 0
    assert ask(client, etag, wait=61).status_code == 422


def test_a_collector_that_stops_lets_nobody_wait(client: TestClient, two: None, waiters: ThreadPoolExecutor) -> None:
    etag = client.get(LIVE).headers["etag"]
    answer = waiters.submit(ask, client, etag, wait=60)
    waiting_for(client, 1)
    context(client).waiting.close()
    assert answer.result(10).status_code == 304
    assert ask(client, etag, wait=60).status_code == 304


def test_a_key_that_sends_records_may_ask_but_not_change(settings: Settings, engine: Engine, two: None) -> None:
    secret = create_key(engine, "serving", "ingest", NOW).secret
    app = create_app(replace(settings, require_keys=True))
    with TestClient(app, base_url="http://127.0.0.1:8600", headers={"Authorization": f"Bearer {secret}"}) as client:
        assert client.get(LIVE).json()["version"] == "4"
        for path in ("/v1/models/fraud/rollback", "/v1/models/fraud/versions/3/live"):
            assert client.post(path, json=ANN).status_code == 403


def test_a_key_that_trains_registers_versions_that_wait(settings: Settings, engine: Engine, two: None) -> None:
    secret = create_key(engine, "pipeline", "train", NOW).secret
    app = create_app(replace(settings, require_keys=True))
    with TestClient(app, base_url="http://127.0.0.1:8600", headers={"Authorization": f"Bearer {secret}"}) as client:
        path = "/v1/models/fraud/versions"
        for stage in ("live", "canary"):
            assert client.post(path, json={"name": "5", "stage": stage}).status_code == 403
        assert client.post(path, json={"name": "5"}).json()["stage"] == "registered"
        assert client.post(path, json={"name": "4"}).json()["stage"] == "live"  # as it was
        register_model(engine, Model("new", Task.BINARY), NOW)
        assert client.post("/v1/models/new/versions", json={"name": "1"}).json()["stage"] == "registered"
    assert live_state(engine, "fraud").version == "4"
    assert live_state(engine, "new").version is None


def test_a_key_that_trains_leaves_the_reference_of_what_is_live_alone(
    settings: Settings, engine: Engine, two: None
) -> None:
    secret = create_key(engine, "pipeline", "train", NOW).secret
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "text/csv"}
    app = create_app(replace(settings, require_keys=True))
    with TestClient(app, base_url="http://127.0.0.1:8600", headers=headers) as client:
        refused = client.put("/v1/models/fraud/versions/4/reference", content=b"x,y\n1,2\n")
        assert (refused.status_code, "version: 4 is live" in refused.json()["error"]) == (403, True)
        assert client.put("/v1/models/fraud/versions/3/reference", content=b"x,y\n1,2\n").status_code == 200


def test_a_change_says_what_it_rests_on(client: TestClient, engine: Engine, two: None) -> None:
    etag = client.get(LIVE).headers["etag"]
    planned = client.post("/v1/models/fraud/rollback", json={**ANN, "dry_run": True})
    assert (planned.json()["version"], live_state(engine, "fraud").version) == ("3", "4")
    made = client.post("/v1/models/fraud/versions/3/live", json=ANN, headers={"If-Match": etag})
    assert (made.status_code, made.json()["kind"]) == (200, "deploy")
    late = client.post("/v1/models/fraud/rollback", json=ANN, headers={"If-Match": etag})
    assert late.status_code == 412
    assert "what is live changed: version 3" in late.json()["error"]
    assert client.post("/v1/models/fraud/versions/3/live", json={"reason": "who"}).status_code == 422
    listed = client.get("/v1/models/fraud/deployments").json()
    assert [row["kind"] for row in listed] == ["registered", "superseded", "registered", "superseded", "deploy"]
    assert client.get("/v1/models/fraud/deployments", params={"since": "2100-01-01T00:00:00Z"}).json() == []


def test_how_two_versions_differ(client: TestClient) -> None:
    client.post("/v1/models", json={"name": "new", "task": "binary"})
    for name, numpy in (("1", "2.3.0"), ("2", "2.4.6")):
        client.post("/v1/models/new/versions", json={"name": name, "dependencies": {"numpy": numpy}})
    found = client.get("/v1/models/new/versions/2/diff", params={"against": "1"})
    assert found.json() == [{"field": "dependency numpy", "before": "2.3.0", "after": "2.4.6"}]
    assert client.get("/v1/models/new/versions/2/diff", params={"against": "9"}).status_code == 404


def state(version: str, change: int) -> LiveState:
    return LiveState("fraud", version, (version,), NOW, change)


async def wait_all(waiting: Waiting, number: int, known: str, seconds: float) -> list[LiveState | None]:
    tasks = [asyncio.create_task(waiting.wait("fraud", {known}, seconds)) for _ in range(number)]
    return await asyncio.gather(*tasks)


def test_many_wait_and_the_database_is_asked_once_a_look() -> None:
    looks: list[Collection[str]] = []
    old, new = state("3", 1), state("4", 2)

    def load(models: Collection[str]) -> Mapping[str, LiveState]:
        looks.append(models)
        return {"fraud": new if len(looks) == 3 else old}

    answers = asyncio.run(wait_all(Waiting(load, pause=0.001), 500, old.etag, 30))
    assert answers == [new] * 500
    assert looks == [{"fraud"}] * 3


def test_no_more_than_so_many_may_wait() -> None:
    async def one_too_many() -> None:
        waiting = Waiting(lambda _models: {}, most=2)
        held = [asyncio.create_task(waiting.wait("fraud", (), 30)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(QueueFullError, match="2 requests wait"):
            await waiting.wait("fraud", (), 30)
        held[0].cancel()  # one whose client has gone makes room
        with suppress(asyncio.CancelledError):
            await held[0]
        assert waiting.number == 1
        waiting.close()
        assert await held[1] is None

    asyncio.run(one_too_many())


def test_a_database_that_fails_is_not_taken_for_silence() -> None:
    def load(_models: Collection[str]) -> Mapping[str, LiveState]:
        raise OperationalError("select", {}, Exception("gone"))

    with pytest.raises(OperationalError):
        asyncio.run(Waiting(load, pause=0.001).wait("fraud", (), 0.1))


def test_whoever_hangs_up_is_forgotten(client: TestClient, two: None) -> None:
    """An ASGI client that is gone: the request ends, though its time is not over."""
    etag = client.get(LIVE).headers["etag"]
    path = LIVE.encode()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": LIVE,
        "raw_path": path,
        "query_string": b"wait=60",
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1"), (b"if-none-match", etag.encode())],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8600),
    }
    messages = iter([{"type": "http.request", "body": b"", "more_body": False}, {"type": "http.disconnect"}])
    sent: list[Any] = []

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message)

    async def hang_up() -> None:
        await asyncio.wait_for(client.app(scope, receive, send), 10)

    assert client.portal is not None
    client.portal.call(hang_up)
    assert sent[0]["status"] == 304
    assert context(client).waiting.number == 0


def test_a_database_that_is_away_is_said(client: TestClient, engine: Engine, two: None) -> None:
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE deployment"))
    assert client.get(LIVE).status_code == 503
