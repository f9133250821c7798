"""Over real HTTP: what is sent, and what happens when the collector fails in each way that servers fail."""

from __future__ import annotations

import itertools
import random
import threading
import time

import pytest

from collectors.client import Client
from collectors.client.delivery import full_jitter
from tests.collectors.client.collector import Collector, Step
from tests.collectors.client.conftest import MakeClient


def log(client: Client, count: int) -> list[str]:
    return [client.log("fraud", "3", {"age": 31 + number}, prediction=1, score=0.93) for number in range(count)]


def accounted(client: Client) -> int:
    stats = client.stats
    return stats.sent + stats.duplicates + stats.rejected + stats.queued + sum(stats.dropped.values())


def test_what_is_logged_arrives(collector: Collector, make_client: MakeClient) -> None:
    client = make_client(key="wk_secret")
    ids = log(client, 2)
    client.correct("fraud", ids[0], 0, source="user", author="ann", shown=True)
    assert client.flush()
    assert collector.ids() == ids
    assert collector.ids("/v1/corrections") == ids[:1]
    assert (client.stats.sent, client.stats.queued, client.stats.last_error) == (3, 0, "")
    assert {request.path for request in collector.requests} == {"/v1/predictions", "/v1/corrections"}
    for request in collector.requests:
        assert request.headers["authorization"] == "Bearer wk_secret"
        assert request.headers["content-type"] == "application/x-ndjson"


def test_without_a_key_no_authorization_is_sent(collector: Collector, make_client: MakeClient) -> None:
    client = make_client()
    log(client, 1)
    assert client.flush()
    assert "authorization" not in collector.requests[0].headers


def test_many_travel_together_compressed_over_one_connection(collector: Collector, make_client: MakeClient) -> None:
    client = make_client(batch_size=50)
    ids = log(client, 120)
    assert client.flush()
    assert collector.ids() == ids
    assert [len(request.rows) for request in collector.requests] == [50, 50, 20]
    assert {request.headers.get("content-encoding") for request in collector.requests} == {"gzip"}
    assert collector.connections == 1


def test_a_single_small_record_is_not_compressed(collector: Collector, make_client: MakeClient) -> None:
    client = make_client()
    log(client, 1)
    assert client.flush()
    assert "content-encoding" not in collector.requests[0].headers


def test_a_batch_leaves_after_the_interval_without_a_flush(collector: Collector, make_client: MakeClient) -> None:
    stored = threading.Event()
    collector.script.append(Step(200, store=True, hold=stored))
    client = make_client(batch_interval=0.01)
    log(client, 1)
    while not collector.requests:
        time.sleep(0.005)
    stored.set()
    assert client.flush()
    assert client.stats.sent == 1


def test_a_path_in_the_address_is_kept(collector: Collector, make_client: MakeClient) -> None:
    collector.stored["/watch/v1/predictions"] = []
    client = make_client(collector.url + "/watch/")
    log(client, 1)
    assert client.flush()
    assert collector.requests[0].path == "/watch/v1/predictions"


@pytest.mark.parametrize(
    "failure",
    [
        Step(None),
        Step(408),
        Step(429),
        Step(500, b'{"error": "oops"}'),
        Step(502, b"<html>"),
        Step(503),
        Step(504),
        Step(200, b"<html>welcome</html>"),
        Step(200, b'{"accepted": 3', cut=100),
    ],
    ids=lambda step: f"{step.status} {step.body.decode()[:12]}",
)
def test_a_passing_failure_costs_nothing(failure: Step, collector: Collector, make_client: MakeClient) -> None:
    collector.script += [failure, failure]
    client = make_client()
    ids = log(client, 3)
    assert client.flush()
    assert collector.ids() == ids
    assert client.stats.sent == 3
    assert client.stats.last_error
    first, *others = [[row["prediction_id"] for row in request.rows] for request in collector.requests]
    assert first == ids
    assert others == [ids, ids]


def test_an_answer_that_got_lost_makes_duplicates_and_no_doubles(collector: Collector, make_client: MakeClient) -> None:
    collector.script.append(Step(None, store=True))
    client = make_client()
    ids = log(client, 3)
    assert client.flush()
    assert collector.ids() == ids
    assert (client.stats.sent, client.stats.duplicates) == (0, 3)


def test_a_collector_too_slow_to_answer_is_asked_again(collector: Collector, make_client: MakeClient) -> None:
    hold = threading.Event()
    collector.script.append(Step(200, store=True, hold=hold))
    client = make_client(request_timeout=0.1)
    ids = log(client, 2)
    assert client.flush()
    hold.set()
    assert collector.ids() == ids
    assert client.stats.duplicates == 2
    assert "ReadTimeout" in client.stats.last_error


def test_logging_does_not_wait_for_the_network(collector: Collector, make_client: MakeClient) -> None:
    hold = threading.Event()
    collector.script.append(Step(200, store=True, hold=hold))
    client = make_client(batch_size=10)
    ids = log(client, 100)  # returns while the first answer is held back
    assert not hold.is_set()
    assert client.stats.sent == 0
    hold.set()
    assert client.flush()
    assert collector.ids() == ids


def test_a_collector_that_comes_later_gets_everything(make_client: MakeClient) -> None:
    gone = Collector()
    gone.close()
    client = make_client(gone.url, retry_delay=lambda failures: 0.01, max_attempts=2)
    ids = log(client, 3)
    assert client.flush(0.2) is False
    assert "ConnectError" in client.stats.last_error
    back = Collector(port=int(gone.url.rpartition(":")[2]))
    assert client.flush()
    back.close()
    assert back.ids() == ids
    assert client.stats.dropped == {}


def test_absence_is_waited_out_beyond_the_attempts(collector: Collector, make_client: MakeClient) -> None:
    collector.script += [Step(status) for status in (429, 502, 503) * 5]
    client = make_client(max_attempts=2)
    ids = log(client, 2)
    assert client.flush()
    assert collector.ids() == ids


def test_a_batch_that_cannot_be_digested_lets_the_next_one_pass(collector: Collector, make_client: MakeClient) -> None:
    collector.script += [Step(500)] * 3
    client = make_client(max_attempts=3, batch_size=2)
    ids = log(client, 4)
    assert client.flush()
    assert collector.ids() == ids[2:]
    assert client.stats.dropped == {"gave_up": 2}
    assert "gave up after 3 attempts" in client.stats.last_error


@pytest.mark.parametrize("status", [400, 401, 403, 404, 415, 422, 301, 307])
def test_a_refusal_is_final(status: int, collector: Collector, make_client: MakeClient) -> None:
    collector.script.append(Step(status, b'{"error": "no"}', {"Location": collector.url}))
    client = make_client()
    log(client, 2)
    assert client.flush()
    assert len(collector.requests) == 1
    assert client.stats.dropped == {"rejected": 2}
    assert str(status) in client.stats.last_error


def test_a_rejected_record_does_not_take_its_neighbours_along(collector: Collector, make_client: MakeClient) -> None:
    collector.fault = lambda row: "must be below 33" if row["features"]["age"] == 33 else None
    client = make_client()
    ids = log(client, 4)
    assert client.flush()
    assert collector.ids() == [ids[0], ids[1], ids[3]]
    assert (client.stats.sent, client.stats.rejected, client.stats.dropped) == (3, 1, {})
    assert client.stats.last_error == "the collector rejected a record: features: must be below 33"


def test_all_rejected_is_no_reason_to_try_again(collector: Collector, make_client: MakeClient) -> None:
    collector.fault = lambda row: "unknown model"
    client = make_client()
    log(client, 2)
    assert client.flush()
    assert len(collector.requests) == 1
    assert (client.stats.sent, client.stats.rejected) == (0, 2)


def test_a_batch_too_large_is_halved_until_it_fits(collector: Collector, make_client: MakeClient) -> None:
    collector.most_rows = 3
    client = make_client(batch_size=10)
    ids = log(client, 10)
    assert client.flush()
    assert collector.ids() == ids
    assert [len(request.rows) for request in collector.requests] == [10, 5, 2, 3, 5, 2, 3]
    assert client.stats.sent == 10


def test_one_record_too_large_is_dropped_alone(collector: Collector, make_client: MakeClient) -> None:
    collector.script += [Step(413), Step(413)]
    client = make_client()
    ids = log(client, 2)
    assert client.flush()
    assert collector.ids() == ids[1:]
    assert client.stats.dropped == {"rejected": 1}


def test_retry_after_is_honoured(collector: Collector, make_client: MakeClient) -> None:
    collector.script.append(Step(429, headers={"Retry-After": "1"}))
    client = make_client()
    log(client, 1)
    assert client.flush()
    first, second = collector.requests
    assert second.at - first.at >= 1.0


def test_an_endless_answer_does_not_fill_the_memory(collector: Collector, make_client: MakeClient) -> None:
    collector.script.append(Step(200, b" " * (5 * 1024 * 1024)))
    client = make_client()
    ids = log(client, 1)
    assert client.flush()
    assert collector.ids() == ids


def test_many_threads_lose_nothing_and_double_nothing(collector: Collector, make_client: MakeClient) -> None:
    collector.script += [Step(503), Step(None, store=True), Step(500)]
    client = make_client(batch_size=100)
    ids: list[list[str]] = [[] for _ in range(8)]
    threads = [threading.Thread(target=lambda mine=mine: mine.extend(log(client, 250))) for mine in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.flush(30)
    assert sorted(collector.ids()) == sorted(itertools.chain(*ids))
    assert client.stats.sent + client.stats.duplicates == 2000
    assert accounted(client) == 2000


@pytest.mark.parametrize(("on_full", "kept"), [("drop_newest", slice(0, 20)), ("drop_oldest", slice(80, 100))])
def test_an_outage_costs_memory_only_up_to_the_bound(
    on_full: str, kept: slice, collector: Collector, make_client: MakeClient
) -> None:
    hold = threading.Event()
    collector.script.append(Step(200, store=True, hold=hold))
    client = make_client(max_records=21, batch_size=1, on_full=on_full)
    first = log(client, 1)
    while not collector.requests:
        time.sleep(0.005)
    ids = log(client, 100)
    assert client.stats.queued == 21
    assert client.stats.dropped == {"queue_full": 80}
    hold.set()
    assert client.flush()
    assert collector.ids() == first + ids[kept]
    assert accounted(client) == 101


def test_back_off_grows_to_a_ceiling_and_is_spread_evenly() -> None:
    random.seed(7)
    for failures, ceiling in ((1, 0.5), (2, 1.0), (3, 2.0), (6, 16.0), (7, 30.0), (1000, 30.0)):
        delays = [full_jitter(failures) for _ in range(2000)]
        assert 0 <= min(delays) < 0.05 * ceiling
        assert 0.95 * ceiling < max(delays) <= ceiling
        # The mean of 2000 draws of U(0, c) has a standard error of c / sqrt(12 * 2000): four of them are 0.026 c.
        assert abs(sum(delays) / 2000 - ceiling / 2) < 0.026 * ceiling
