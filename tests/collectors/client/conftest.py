"""A collector to talk to, and clients that end with their test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from collectors.client import Client
from tests.collectors.client.collector import Collector

MakeClient = Callable[..., Client]


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.close()


@pytest.fixture
def make_client(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeClient]:
    """Make a client of the collector that retries at once; batches leave when they are full or flushed."""
    for name in ("WATCHKEEPER_URL", "WATCHKEEPER_KEY", "WATCHKEEPER_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    clients: list[Client] = []

    def make(url: str | None = None, **settings: Any) -> Client:
        defaults: dict[str, Any] = {"batch_interval": 60.0, "retry_delay": lambda failures: 0.0}
        clients.append(Client(url or collector.url, **(defaults | settings)))
        return clients[-1]

    yield make
    for client in clients:
        client.close(0.0)
