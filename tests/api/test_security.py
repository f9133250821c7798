"""Who may ask for what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import URL, Engine, text

from app.api.app import create_app
from app.api.context import Context
from app.services.keys import MAX_AGE_SECONDS, create_key, list_keys, revoke_key
from app.settings import Settings, is_loopback
from app.storage.engine import write
from tests.api.conftest import ADDRESS

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)


@pytest.fixture
def database_url(sqlite_url: URL) -> URL:
    """Keys are rows like any other; what is decided here is the same on every database."""
    return sqlite_url


@pytest.fixture
def guarded(settings: Settings) -> Iterator[TestClient]:
    """A client of a collector that the network can reach."""
    app = create_app(replace(settings, host="0.0.0.0"))
    with TestClient(app, base_url="http://collector.example:8600") as client:
        yield client


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


@pytest.mark.parametrize("path", ["/v1/models", "/v1/alerts", "/v1/predictions", "/nowhere"])
def test_without_a_key_nothing_is_told(guarded: TestClient, path: str) -> None:
    response = guarded.get(path)

    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/docs", "/openapi.json"])
def test_whether_it_lives_is_no_secret(guarded: TestClient, path: str) -> None:
    assert guarded.get(path).status_code == 200


def test_keys_are_asked_for_on_loopback_too_where_the_settings_say_so(settings: Settings) -> None:
    with TestClient(create_app(replace(settings, require_keys=True)), base_url=ADDRESS) as client:
        assert client.get("/v1/models").status_code == 401


def test_an_admin_key_opens_everything(guarded: TestClient, engine: Engine) -> None:
    secret = create_key(engine, "ops", "admin", NOW).secret

    assert guarded.get("/v1/models", headers=bearer(secret)).status_code == 200
    assert guarded.post("/v1/predictions", json=[], headers=bearer(secret)).status_code == 200


def test_an_ingest_key_sends_records_and_does_nothing_else(guarded: TestClient, engine: Engine) -> None:
    secret = create_key(engine, "service", "ingest", NOW).secret

    assert guarded.post("/v1/predictions", json=[], headers=bearer(secret)).status_code == 200
    assert guarded.post("/v1/corrections", json=[], headers=bearer(secret)).status_code == 200
    refused = guarded.get("/v1/models", headers=bearer(secret))
    assert refused.status_code == 403
    assert "admin" in refused.json()["error"]


def test_a_training_key_does_what_a_pipeline_needs_and_nothing_else(guarded: TestClient, engine: Engine) -> None:
    headers = bearer(create_key(engine, "pipeline", "train", NOW).secret)

    for method, path in (
        ("POST", "/v1/models/fraud/versions"),
        ("PUT", "/v1/models/fraud/versions/4/reference"),
        ("GET", "/v1/models/fraud/training-set"),
        ("GET", "/v1/models/fraud/training-sets"),
        ("GET", "/v1/training-sets/5f0c"),
        ("GET", "/v1/retraining"),
        ("POST", "/v1/retraining/msg_1"),
    ):
        assert guarded.request(method, path, headers=headers, json={}).status_code not in {401, 403}, path
    for method, path in (
        ("POST", "/v1/models"),
        ("PATCH", "/v1/models/fraud/versions/4"),
        ("POST", "/v1/predictions"),
        ("GET", "/v1/models/fraud/versions"),
        ("DELETE", "/v1/retraining/msg_1"),
    ):
        refused = guarded.request(method, path, headers=headers, json={})
        assert refused.status_code == 403, path
        assert "may only fetch training sets" in refused.json()["error"]


def test_the_last_use_of_a_good_key_is_kept_and_no_request_waits_for_that(settings: Settings, engine: Engine) -> None:
    used, idle, revoked = (create_key(engine, name, "ingest", NOW) for name in ("used", "idle", "revoked"))
    revoke_key(engine, revoked.key.id, NOW)
    app = create_app(replace(settings, require_keys=True), clock=lambda: NOW)
    with TestClient(app, base_url=ADDRESS) as client:
        assert client.post("/v1/predictions", json=[], headers=bearer(used.secret)).status_code == 200
        assert client.post("/v1/predictions", json=[], headers=bearer(revoked.secret)).status_code == 401
        assert [key.last_used_at for key in list_keys(engine)] == [None] * 3  # it is written later, by itself

    assert [key.last_used_at for key in list_keys(engine)] == [NOW, None, None]
    assert idle.key.last_used_at is None


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer  ", "Basic d2s6", "Bearer wk_wrong", "Bearer \xff"])
def test_anything_else_is_no_key(guarded: TestClient, engine: Engine, header: str) -> None:
    create_key(engine, "service", "admin", NOW)

    assert guarded.get("/v1/models", headers={b"Authorization": header.encode("latin-1")}).status_code == 401


def test_a_revoked_key_is_refused_within_seconds(guarded: TestClient, engine: Engine) -> None:
    made = create_key(engine, "service", "admin", NOW)
    context: Context = guarded.app.state.context  # type: ignore[attr-defined]
    assert guarded.get("/v1/models", headers=bearer(made.secret)).status_code == 200

    revoke_key(engine, made.key.id, NOW)

    clock = context.keys._clock
    context.keys._clock = lambda: clock() + MAX_AGE_SECONDS
    assert guarded.get("/v1/models", headers=bearer(made.secret)).status_code == 401


def test_without_the_database_no_key_is_judged(guarded: TestClient, engine: Engine) -> None:
    with write(engine) as connection:
        connection.execute(text("ALTER TABLE api_key RENAME TO elsewhere"))

    response = guarded.get("/v1/models", headers=bearer("wk_any"))

    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8600", "127.0.0.1.evil.example", "[bad", ""])
def test_a_browser_that_was_led_here_by_another_name_is_refused(client: TestClient, host: str) -> None:
    response = client.get("/v1/models", headers={"Host": host})

    assert response.status_code == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8600", "127.0.0.1", "127.8.8.8:1", "[::1]:8600"])
def test_loopback_names_need_no_key(client: TestClient, host: str) -> None:
    assert client.get("/v1/models", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://evil.example", 403),
        ("http://127.0.0.1@evil.example", 403),
        ("http://[bad", 403),
        ("null", 403),
        ("http://localhost:8601", 200),
    ],
)
def test_a_page_from_elsewhere_is_refused(client: TestClient, origin: str, status: int) -> None:
    assert client.get("/v1/models", headers={"Origin": origin}).status_code == status


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("", False), ("example.org", False)],
)
def test_loopback_is_told_without_a_resolver(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
