"""The collector's clock says when something was asked for; replays give it one of their own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from fastapi.testclient import TestClient

from app import api
from app.api.app import create_app
from app.settings import Settings
from tests.api.conftest import ADDRESS

LEAP_DAY = datetime(2024, 2, 29, 12, tzinfo=UTC)


def test_what_is_registered_is_so_since_the_clocks_present_and_what_comes_later_is_the_future(
    settings: Settings,
) -> None:
    app = create_app(settings, clock=lambda: LEAP_DAY)
    with TestClient(app, base_url=ADDRESS, raise_server_exceptions=False) as client:
        client.post("/v1/models", json={"name": "fraud", "task": "binary"})
        version = client.post("/v1/models/fraud/versions", json={"name": "1"}).json()
        record = {"model": "fraud", "version": "1", "prediction_id": "a", "timestamp": "2024-03-01T12:00:00Z"}
        answer = client.post(
            "/v1/predictions", json={**record, "features": {"amount": 1}, "prediction": 0, "score": 0.2}
        ).json()
    assert datetime.fromisoformat(version["created_at"]) == LEAP_DAY
    assert "in the future: the collector's clock says 2024-02-29 12:00" in answer["rejected"][0]["error"]


def test_no_route_asks_the_machines_clock_itself() -> None:
    asked = [path.name for path in Path(api.__file__).parent.glob("*.py") if "datetime.now(" in path.read_text()]
    assert asked == ["context.py"]
