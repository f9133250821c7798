"""What clients say of themselves arrives once, and what a collector turned away is counted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, func, select

from app.api.app import create_app
from app.core.looks import diagnose
from app.core.self_watch import Diagnosis
from app.services.keys import create_key
from app.services.self_watch import read_facts
from app.settings import Settings
from app.storage import client_reports, refusals
from app.storage.client_reports import ClientReport, store_report
from app.storage.engine import read, write
from app.storage.tables import client_report, refusal

NOW = datetime.now(UTC)


def body(**changes: Any) -> dict[str, Any]:
    said = {"client": "c1", "host": "web-1", "started_at": NOW.isoformat(), "logged": 10, "predictions": 8}
    return said | {"served": None, "sent": 9, "rejected": 0, "dropped": {"queue_full": 1}} | changes


def seen(engine: Engine, settings: Settings, subject: str, now: datetime | None = None) -> list[Diagnosis]:
    facts = read_facts(engine, settings, now or datetime.now(UTC), {})
    return [one for one in diagnose(facts) if one.subject == subject]


def test_a_client_that_drops_is_named_until_an_hour_has_passed(
    client: TestClient, engine: Engine, settings: Settings
) -> None:
    assert client.post("/v1/client-reports", json=body()).json() == {"kept": True}
    (found,) = seen(engine, settings, "clients")
    assert (found.level, found.about) == ("bad", "web-1")
    assert "1 queue_full of 10" in found.what
    later = datetime.now(UTC) + timedelta(minutes=61)
    (found,) = seen(engine, settings, "clients", later)
    assert found.level == "ok"


def test_a_report_counts_once_and_an_older_one_not_at_all(client: TestClient, engine: Engine) -> None:
    def post(said: dict[str, Any]) -> bool:
        return bool(client.post("/v1/client-reports", json=said).json()["kept"])

    assert post(body())
    assert post(body())
    with read(engine) as connection:
        first = connection.execute(select(client_report)).one()
    assert post(body(logged=20, sent=19, dropped={"queue_full": 1}))  # nothing new was lost
    assert not post(body(logged=12, dropped={"queue_full": 5}))
    with read(engine) as connection:
        (row,) = connection.execute(select(client_report)).all()
    assert (row.logged, row.dropped, row.dropped_at) == (20, {"queue_full": 1}, first.dropped_at)


def test_a_service_that_logs_half_of_what_it_serves_is_named(
    client: TestClient, engine: Engine, settings: Settings
) -> None:
    client.post("/v1/client-reports", json=body(predictions=50, served=100, logged=50, dropped={}))
    (found,) = seen(engine, settings, "logged_share")
    assert "50 of the 100" in found.what


@pytest.mark.parametrize(
    "wrong",
    [
        {"client": ""},
        {"client": "x" * 65},
        {"host": "a\0b"},
        {"logged": -1},
        {"logged": 2**63},
        {"dropped": {f"r{n}": 1 for n in range(21)}},
        {"dropped": {"x" * 51: 1}},
        {"started_at": "2026-01-01T00:00:00"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_what_no_client_says_is_refused(client: TestClient, wrong: dict[str, Any]) -> None:
    answer = client.post("/v1/client-reports", json=body(**wrong))
    assert answer.status_code == 422
    assert next(iter(wrong)) in answer.json()["error"]


def test_made_up_clients_fill_no_disk(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_reports, "MOST_CLIENTS", 3)
    for number in range(6):
        with write(engine) as connection:
            report = ClientReport(f"c{number}", "web", NOW, 1, 1, None, 1, 0, {})
            store_report(connection, report, NOW + timedelta(seconds=number))
    with read(engine) as connection:
        assert sorted(connection.scalars(select(client_report.c.client))) == ["c3", "c4", "c5"]


def test_refused_requests_are_counted_by_reason_and_told(engine: Engine, settings: Settings) -> None:
    ingest = create_key(engine, "svc", "ingest", NOW).secret
    guarded = replace(settings, host="0.0.0.0")
    with TestClient(create_app(guarded), base_url="http://collector.example") as client:
        for key in [None] * 3 + ["wk_wrong"] * 6 + [ingest] * 2:
            client.get("/v1/models", headers={"Authorization": f"Bearer {key}"} if key else {})
        assert client.post("/v1/client-reports", json=body(), headers={"Authorization": f"Bearer {ingest}"}).is_success
    (found,) = seen(engine, guarded, "refused")  # stored when the collector ended, else once a minute
    assert found.level == "bad"
    assert "2 with a key of another scope, 6 with an unknown or revoked key, 3 without a key" in found.what


def test_refusals_of_an_hour_add_up_and_old_ones_are_forgotten(engine: Engine) -> None:
    for days in (8, 0, 0):
        with write(engine) as connection:
            refusals.add_refusals(connection, NOW - timedelta(days=days), {"without a key": 2, "from web pages": 1})
    with read(engine) as connection:
        rows = connection.execute(
            select(refusal.c.reason, func.sum(refusal.c.requests)).group_by(refusal.c.reason)
        ).all()
    assert {reason: int(count) for reason, count in rows} == {"without a key": 4, "from web pages": 2}
