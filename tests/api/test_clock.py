"""The collector's clock says when something was asked for; replays give it one of their own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from fastapi.testclient import TestClient
from sqlalchemy import Engine, select

from app import api
from app.api.app import create_app
from app.settings import Settings
from app.storage import tables
from app.storage.engine import read
from tests.api.conftest import ADDRESS

LEAP_DAY = datetime(2024, 2, 29, 12, tzinfo=UTC)


def test_what_comes_is_dated_by_the_clock_and_what_happens_later_is_the_future(
    settings: Settings, engine: Engine
) -> None:
    app = create_app(settings, clock=lambda: LEAP_DAY)
    record = {"model": "fraud", "version": "1", "features": {"amount": 1}, "prediction": 0, "score": 0.2}
    known = {**record, "prediction_id": "a", "timestamp": "2024-02-29T11:00:00Z"}
    future = {**record, "prediction_id": "b", "timestamp": "2024-03-01T12:00:00Z"}
    with TestClient(app, base_url=ADDRESS, raise_server_exceptions=False) as client:
        client.post("/v1/models", json={"name": "fraud", "task": "binary"})
        version = client.post("/v1/models/fraud/versions", json={"name": "1"}).json()
        answer = client.post("/v1/predictions", json=[known, future]).json()
    assert datetime.fromisoformat(version["created_at"]) == LEAP_DAY
    assert answer["accepted"] == 1
    assert "in the future: the collector's clock says 2024-02-29 12:00" in answer["rejected"][0]["error"]
    with read(engine) as connection:
        assert connection.scalars(select(tables.batch.c.created_at)).all() == [LEAP_DAY]


def test_no_route_asks_the_machines_clock_itself() -> None:
    asked = [path.name for path in Path(api.__file__).parent.glob("*.py") if "datetime.now(" in path.read_text()]
    assert asked == ["context.py"]
