"""What the client tells the collector of itself: seldom, in little, and never at the cost of a record."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from collectors.client import Client
from collectors.client.reports import PATH
from tests.collectors.client.collector import Collector, Step
from tests.collectors.client.conftest import MakeClient


def reports(collector: Collector, count: int = 0) -> list[dict[str, Any]]:
    """What was reported; waits for so many, as the last one may still be under way when close() is over."""
    until = time.monotonic() + 5
    while True:
        found = [request.rows[0] for request in collector.requests if request.path == PATH]
        if len(found) >= count or time.monotonic() > until:
            return found
        time.sleep(0.01)


def log(client: Client, count: int) -> None:
    for _ in range(count):
        client.log("m", "1", {"x": 1}, prediction=1)


def test_losses_and_what_was_served_are_told_at_the_end(collector: Collector, make_client: MakeClient) -> None:
    client = make_client(max_records=3)
    client.served(10)
    log(client, 5)  # two find no room
    client.correct("m", "p", 1, source="user")
    assert client.close()
    (said,) = reports(collector, 1)
    assert said["dropped"] == {"queue_full": 3}
    assert {name: said[name] for name in ("logged", "predictions", "served", "sent", "rejected")} == {
        "logged": 6,
        "predictions": 5,
        "served": 10,
        "sent": 3,
        "rejected": 0,
    }
    assert len(said["client"]) == 32
    assert said["started_at"].endswith("+00:00")
    assert len(json.dumps(said)) < 400


def test_where_nothing_is_lost_a_short_life_sends_none(collector: Collector, make_client: MakeClient) -> None:
    client = make_client()
    log(client, 3)
    client.close()
    assert reports(collector) == []
    assert len(collector.ids()) == 3


def test_a_long_life_reports_when_it_is_time_and_there_is_news(collector: Collector, make_client: MakeClient) -> None:
    client = make_client(report_interval=1e-9)
    for count in (1, 2):
        log(client, count)
        assert client.flush()
    client.close()
    said = reports(collector, 2)
    assert [one["logged"] for one in said] == [1, 3]
    assert len({one["client"] for one in said}) == 1


@pytest.mark.parametrize("status", [404, 500, None])
def test_a_collector_that_takes_no_reports_costs_no_record(
    collector: Collector, make_client: MakeClient, status: int | None
) -> None:
    client = make_client(report_interval=1e-9)
    collector.refuse[PATH] = Step(status)
    for _ in range(3):
        log(client, 1)
        assert client.flush()
    client.close()
    assert len(collector.ids()) == 3
    assert client.stats.last_error == ""
    expected = 1 if status == 404 else 4  # after each batch, and at the end
    assert len(reports(collector, expected)) == expected


@pytest.mark.parametrize("number", [-1, -100])
def test_a_negative_number_served_is_refused(make_client: MakeClient, number: int) -> None:
    with pytest.raises(ValueError, match=f"predictions: {number}; allowed is 0 or more"):
        make_client().served(number)


def test_a_client_that_is_not_enabled_counts_nothing() -> None:
    Client(enabled=False).served(3)
