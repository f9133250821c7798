"""A collector within the test's process, on a real database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import URL, Engine

from app.api.app import create_app
from app.core.model import Model, Task, Version
from app.services.catalogue import register_model, register_version
from app.settings import Settings

ADDRESS = "http://127.0.0.1:8600"
NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)


@pytest.fixture
def settings(database_url: URL, tmp_path: Path) -> Settings:
    """Of a collector on loopback with room for 50 records."""
    url = database_url.render_as_string(hide_password=False)
    return replace(Settings(), data_dir=tmp_path, database_url=url, queue_records=50, max_body_mb=1)


@pytest.fixture
def fraud(engine: Engine) -> Version:
    """Version 3 of the binary model `fraud`."""
    register_model(engine, Model("fraud", Task.BINARY), NOW)
    return register_version(engine, "fraud", Version(0, "3"), NOW)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    """A client on this machine, of a collector that asks for no keys."""
    with TestClient(create_app(settings), base_url=ADDRESS, raise_server_exceptions=False) as client:
        yield client
