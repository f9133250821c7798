"""Settings, lifetime, and what the client says about itself and its troubles."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from collectors.client import Client, Stats
from collectors.client.endpoint import Endpoint
from tests.collectors.client.collector import Collector, Step
from tests.collectors.client.conftest import MakeClient

KEY = "wk_0123456789abcdef"


def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within 10 seconds"
        time.sleep(0.005)


def log(client: Client, **changes: Any) -> str:
    arguments: dict[str, Any] = {"model": "fraud", "version": "3", "features": {"age": 31}, "prediction": 1, **changes}
    return client.log(**arguments)


def test_the_id_is_made_or_taken(collector: Collector, make_client: MakeClient) -> None:
    client = make_client()
    made, again, given = log(client), log(client), log(client, prediction_id="order-7")
    assert given == "order-7"
    assert made != again
    assert len(bytes.fromhex(made)) == 16
    assert client.flush()
    assert collector.ids() == [made, again, "order-7"]


def test_the_time_is_now_unless_given(collector: Collector, make_client: MakeClient) -> None:
    client = make_client()
    before = datetime.now(UTC)
    log(client)
    after = datetime.now(UTC)
    log(client, timestamp=before - timedelta(days=1))
    assert client.flush()
    now, yesterday = [datetime.fromisoformat(row["timestamp"]) for row in collector.rows]
    assert before <= now <= after
    assert yesterday == before - timedelta(days=1)


def test_a_mistake_raises_at_the_call_and_queues_nothing(make_client: MakeClient) -> None:
    client = make_client()
    with pytest.raises(TypeError, match="features"):
        log(client, features=[31])
    with pytest.raises(ValueError, match="prediction_id"):
        client.correct("fraud", "", 0, source="user")
    assert client.stats == Stats()


def test_a_feature_changed_after_the_call_is_sent_as_it_was(collector: Collector, make_client: MakeClient) -> None:
    client, features = make_client(), {"age": 31}
    log(client, features=features)
    features["age"] = 99
    assert client.flush()
    assert collector.rows[0]["features"] == {"age": 31}


def test_the_environment_says_where_and_with_which_key(
    collector: Collector, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text(KEY + "\n")
    make_client()  # clears the variables
    monkeypatch.setenv("WATCHKEEPER_URL", collector.url)
    monkeypatch.setenv("WATCHKEEPER_KEY_FILE", str(tmp_path / "key"))
    with Client() as client:
        log(client)
    assert collector.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_an_argument_is_stronger_than_the_environment(
    collector: Collector, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHKEEPER_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("WATCHKEEPER_KEY", "wk_other")
    with Client(collector.url, KEY) as client:
        log(client)
    assert collector.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_without_anything_the_collector_is_on_this_machine(make_client: MakeClient) -> None:
    make_client()  # clears the variables
    client = Client()
    client.close()
    assert repr(client) == "Client('http://127.0.0.1:8600')"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"url": "collector:8600"}, "url: 'collector:8600'; allowed is http://host:port"),
        ({"url": "http://"}, "url: 'http://'; allowed is"),
        ({"url": "http://host:port"}, "url: 'http://host:port' is not an address"),
        ({"url": "http://host/?a=1"}, "url: .*; allowed is"),
        ({"batch_size": 0}, "batch_size: 0; allowed is a number above 0"),
        ({"batch_interval": float("nan")}, "batch_interval: nan; allowed is a number above 0"),
        ({"max_records": -1}, "max_records: -1; allowed is a number above 0"),
        ({"on_full": "block"}, "on_full: 'block'; allowed is one of drop_newest, drop_oldest"),
    ],
)
def test_a_setting_that_cannot_work_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Client(**settings)


def test_two_keys_are_one_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHKEEPER_KEY", KEY)
    monkeypatch.setenv("WATCHKEEPER_KEY_FILE", "/run/secrets/key")
    with pytest.raises(ValueError, match="both set") as caught:
        Client()
    assert KEY not in str(caught.value)


def test_a_key_file_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("WATCHKEEPER_KEY", raising=False)
    monkeypatch.setenv("WATCHKEEPER_KEY_FILE", str(tmp_path / "absent"))
    with pytest.raises(ValueError, match=r"WATCHKEEPER_KEY_FILE: '.*absent' cannot be read"):
        Client()


@pytest.mark.parametrize(
    ("url", "key"),
    [(f"http://user:{KEY}@host", None), ("http://host", f"{KEY}\u00e9"), ("http://host", f"{KEY}\na: b")],
)
def test_no_error_shows_the_key(url: str, key: str | None) -> None:
    with pytest.raises(ValueError, match="not shown here") as caught:
        Client(url, key)
    assert KEY not in str(caught.value)


def test_neither_log_nor_repr_nor_statistics_show_the_key(
    collector: Collector, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    collector.script += [Step(500, f'{{"error": "what is Bearer {KEY}?"}}'.encode())] * 2
    collector.script += [Step(401, f'{{"error": "{KEY} is unknown"}}'.encode())]
    client = make_client(key=KEY)
    log(client)
    assert client.flush()
    assert client.stats.last_error.endswith("401: <key> is unknown")
    assert "401: <key> is unknown" in caplog.text
    for text in (caplog.text, repr(client), str(client.stats), repr(Endpoint("http://host", KEY, 1.0))):
        assert KEY not in text


def test_the_same_trouble_is_logged_once(
    collector: Collector, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    collector.script += [Step(503)] * 5 + [Step(500)] * 2
    client = make_client()
    log(client)
    assert client.flush()
    said = [record.getMessage() for record in caplog.records if record.name == "watchkeeper.client"]
    assert [text.split(" (")[0] for text in said] == ["the collector answered 503", "the collector answered 500"]


def test_the_log_of_the_host_has_its_own_requests_and_not_ours(
    collector: Collector, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    client = make_client()
    log(client)
    assert client.flush()
    assert "HTTP Request" not in caplog.text
    httpx.post(collector.url + "/v1/predictions", json={"prediction_id": "the host's own"})
    assert "HTTP Request" in caplog.text


def test_statistics_are_a_snapshot_that_cannot_be_changed(make_client: MakeClient) -> None:
    client = make_client()
    stats = client.stats
    log(client)
    assert (stats.queued, client.stats.queued) == (0, 1)
    with pytest.raises(FrozenInstanceError):
        stats.sent = 7  # type: ignore[misc]


def test_leaving_the_with_sends_what_waits(collector: Collector, make_client: MakeClient) -> None:
    with make_client() as client:
        sent = log(client)
    assert collector.ids() == [sent]
    assert client.stats.queued == 0


def test_after_close_nothing_is_taken_and_nothing_raised(
    collector: Collector, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    client = make_client()
    assert client.close()
    assert client.close()
    log(client)
    assert client.flush()
    assert client.stats.dropped == {"closed": 1}
    assert "the client is closed" in caplog.text
    assert collector.requests == []


def test_closing_ends_the_thread(make_client: MakeClient) -> None:
    before = threading.active_count()
    client = make_client()
    log(client)
    client.close()
    eventually(lambda: threading.active_count() == before)


def test_closing_cuts_a_back_off_short_for_one_more_attempt(collector: Collector, make_client: MakeClient) -> None:
    collector.script.append(Step(503))
    client = make_client(retry_delay=lambda failures: 3600.0)
    sent = log(client)
    assert client.flush(0.1) is False
    eventually(lambda: client.stats.last_error)
    assert client.close()
    assert collector.ids() == [sent]


def test_closing_does_not_hammer_a_collector_that_is_down(collector: Collector, make_client: MakeClient) -> None:
    collector.script += [Step(503)] * 100
    client = make_client(retry_delay=lambda failures: 3600.0)
    log(client)
    assert client.close(0.3) is False
    assert len(collector.requests) <= 2


def test_closing_keeps_to_a_wait_that_the_collector_asked_for(collector: Collector, make_client: MakeClient) -> None:
    collector.script.append(Step(429, headers={"Retry-After": "60"}))
    client = make_client()
    log(client)
    assert client.flush(0.1) is False
    assert client.close(0.1) is False
    assert len(collector.requests) == 1


def test_what_is_left_at_close_is_counted_and_told(
    collector: Collector, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    collector.script += [Step(503)] * 100
    client = make_client(batch_size=2, retry_delay=lambda failures: 3600.0)
    for _ in range(5):
        log(client)
    assert client.close(0.1) is False
    eventually(lambda: client.stats.queued == 0)
    assert client.stats.dropped == {"closed": 5}
    assert "closed with 5 records unsent" in caplog.text


def test_switched_off_it_does_nothing_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHKEEPER_URL", "nowhere")
    threads = threading.active_count()
    with Client(enabled=False) as client:
        assert len(log(client)) == 32
        assert log(client, prediction_id="order-7") == "order-7"
        client.correct("fraud", "order-7", 0, source="user")
        assert client.flush()
    assert client.stats == Stats()
    assert repr(client) == "Client(enabled=False)"
    assert threading.active_count() == threads


def test_where_no_thread_can_be_started_the_records_wait(
    collector: Collector, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    client = make_client()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        first = log(client)
    assert client.stats.queued == 1
    assert "can't start new thread" in client.stats.last_error
    second = log(client)
    assert client.flush()
    assert collector.ids() == [first, second]
