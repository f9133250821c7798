"""Requests for retraining: one per decision, signed, and sent until they are taken. On both databases."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, insert
from standardwebhooks import Webhook

from app.core.delivery import RETRY_DELAYS
from app.core.retraining import Policy
from app.core.retraining_run import RunState
from app.services import actions
from app.services.alerting import alert
from app.services.policies import remove_policy, set_policy, show_policy
from app.services.retraining import ActionSummary, act
from app.services.run_polls import FollowSummary
from app.services.sending import SendSummary
from app.settings import Settings
from app.storage import tables
from app.storage.engine import write
from app.storage.outbox import CLAIM, SendState
from tests.receivers import HttpReceiver, Reply, closed_port, http_receiver
from tests.services.measured import DAY, START, add_version, measure, rows_of

NOW = START + 30 * DAY
SETTINGS = Settings(allow_private_targets=True)
SECRET = "whsec_" + base64.b64encode(b"a key of twenty-four byte").decode()
ENVIRONMENT = {"RETRAIN": SECRET}
PATH = "/pipelines/sEcReTtOkEn"
COOLDOWN = timedelta(days=7)


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with http_receiver() as receiver:
        yield receiver


@pytest.fixture
def version_id(engine: Engine, receiver: HttpReceiver) -> int:
    """A version whose model asks for retraining when skew or performance alarm, at most once a week."""
    version_id = add_version(engine)
    allow(engine, receiver.url(PATH))
    return version_id


def allow(engine: Engine, url: str, **more: Any) -> None:
    policy = replace(Policy(("training_serving_skew", "performance"), COOLDOWN, 0), **more)
    set_policy(engine, NOW, "delay", policy, webhook_url=url, secret="env:RETRAIN")


def run(engine: Engine, now: datetime = NOW, environment: dict[str, str] = ENVIRONMENT) -> ActionSummary:
    alert(engine, now)
    return act(engine, now, SETTINGS, environment=environment)


def bodies(receiver: HttpReceiver) -> list[dict[str, Any]]:
    """What arrived, after the authors' own library has verified each signature."""
    return [Webhook(SECRET).verify(request.body, dict(request.headers)) for request in receiver.received]


def correct(engine: Engine, ids: range, said_at: datetime, label: str | None = "1") -> None:
    rows = [
        {
            "batch_id": 1,
            "model_id": rows_of(engine, "model")[0]["id"],
            "prediction_id": f"p{n}",
            "said_at": said_at,
            "source": "audit",
            "label_class": label,
            "shown": False,
            "digest": f"{n}-{said_at:%j}-{label}",
        }
        for n in ids
    ]
    with write(engine) as connection:
        connection.execute(insert(tables.correction), rows)


def test_a_breach_asks_for_a_retrained_model(engine: Engine, version_id: int, receiver: HttpReceiver) -> None:
    measure(engine, version_id, "ob", subject="age", value=0.3, limit=0.1)
    measure(engine, version_id, "ob", check="performance", subject="auc", value=0.6, limit=0.7)

    assert run(engine) == ActionSummary(requested=("delay",), sent=SendSummary(delivered=1))

    request = receiver.received[0]
    assert request.path == PATH
    assert request.headers["webhook-id"].startswith("msg_")
    assert request.headers["content-type"] == "application/json"
    body = bodies(receiver)[0]
    assert (body["type"], body["timestamp"]) == ("model.retrain_requested", "2026-03-31T00:00:00Z")
    data = body["data"]
    transitions = rows_of(engine, "alert_transition")
    assert {key: data[key] for key in ("model", "version", "reason", "transition", "new_labels", "requested_at")} == {
        "model": "delay",
        "version": "1",
        "reason": f"{data['measurements'][0]['check']} is firing, with 0 new labels so far",
        "transition": transitions[-1]["id"],
        "new_labels": 0,
        "requested_at": "2026-03-31T00:00:00Z",
    }
    assert {item["check"]: item for item in data["measurements"]}["training_serving_skew"] == {
        "check": "training_serving_skew",
        "severity": "warning",
        "subject": "age",
        "segment": None,
        "window_start": "2026-03-02T00:00:00Z",
        "value": 0.3,
        "limit": 0.1,
        "statistic": "W1",
        "reason": "in breach since the window of 2026-03-02 00:00 UTC: day 1 says b",
    }
    assert len(data["measurements"]) == 2


def test_one_request_stands_for_all_that_fired_before_it(engine: Engine, version_id: int) -> None:
    measure(engine, version_id, "b", subject="age")
    measure(engine, version_id, "b", subject="distance")
    assert run(engine).requested == ("delay",)

    assert run(engine, NOW + 30 * DAY) == ActionSummary(followed=FollowSummary(timed_out=1))
    assert len(rows_of(engine, "action")) == 1


def test_nothing_is_asked_while_cooling_down_and_once_afterwards(engine: Engine, version_id: int) -> None:
    measure(engine, version_id, "b", subject="age")
    run(engine)
    measure(engine, version_id, "b", subject="distance")

    early = run(engine, NOW + COOLDOWN - timedelta(seconds=1))
    assert early.requested == ()
    assert early.declined == {"delay": "cooling down until 2026-04-07 00:00 UTC"}
    assert run(engine, NOW + COOLDOWN).requested == ("delay",)
    assert run(engine, NOW + 3 * COOLDOWN).requested == ()


def test_an_alert_that_resolved_meanwhile_asks_for_nothing(engine: Engine, version_id: int) -> None:
    measure(engine, version_id, "b")
    alert(engine, NOW)
    measure(engine, version_id, "o", first_day=1)

    assert run(engine) == ActionSummary()


def test_other_checks_and_other_models_ask_for_nothing(engine: Engine, version_id: int) -> None:
    measure(engine, version_id, "b", check="volume", subject="")
    measure(engine, add_version(engine, model="other"), "b")

    assert run(engine) == ActionSummary()


def test_labels_are_counted_once_per_prediction_and_since_the_last_request(
    engine: Engine, version_id: int, receiver: HttpReceiver
) -> None:
    allow(engine, receiver.url(PATH), minimum_new_labels=10)
    measure(engine, version_id, "b", subject="age")
    correct(engine, range(6), NOW - DAY)
    correct(engine, range(6), NOW - 2 * DAY, "0")
    correct(engine, range(100, 150), NOW - DAY, None)
    assert run(engine).declined == {"delay": "6 new labels so far, must be at least 10"}

    correct(engine, range(6, 10), NOW - DAY)
    assert run(engine).requested == ("delay",)
    assert bodies(receiver)[0]["data"]["new_labels"] == 10

    measure(engine, version_id, "b", subject="distance")
    later = NOW + COOLDOWN
    assert run(engine, later).declined == {"delay": "0 new labels since the last request, must be at least 10"}
    correct(engine, range(10), NOW + DAY)
    assert run(engine, later).requested == ("delay",)


def test_a_policy_that_comes_later_acts_on_what_fires_already(engine: Engine, receiver: HttpReceiver) -> None:
    measure(engine, add_version(engine), "b")
    assert run(engine) == ActionSummary()
    allow(engine, receiver.url(PATH))

    assert run(engine).requested == ("delay",)


def test_many_workers_at_once_ask_once(engine: Engine, version_id: int, receiver: HttpReceiver) -> None:
    for round_ in range(5):
        now = NOW + round_ * COOLDOWN
        measure(engine, version_id, "b", subject=f"f{round_}")
        alert(engine, now)
        with ThreadPoolExecutor(4) as pool:
            summaries = pool.map(lambda _: act(engine, now, SETTINGS, environment=ENVIRONMENT), range(4))  # noqa: B023
            assert [name for summary in summaries for name in summary.requested] == ["delay"]

    ids = [request.headers["webhook-id"] for request in receiver.received]
    assert len(ids) == len(set(ids)) == len(rows_of(engine, "action")) == 5


def test_every_retry_has_the_same_id_and_body_and_a_signature_of_its_own(
    engine: Engine, version_id: int, receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.reply = lambda _: Reply(503)
    measure(engine, version_id, "b")
    now = NOW
    assert run(engine).sent == SendSummary(retrying=1)
    for delay in RETRY_DELAYS[:3]:
        due = rows_of(engine, "action")[0]["next_attempt_at"]
        assert isinstance(due, datetime)
        assert delay <= due - now <= delay * 1.1
        assert run(engine, due - timedelta(microseconds=1)).sent == SendSummary()
        now = due
        receiver.reply = lambda _: Reply(204, b"") if len(receiver.received) == 4 else Reply(500)
        run(engine, now)

    assert len({request.headers["webhook-id"] for request in receiver.received}) == 1
    assert len({request.body for request in receiver.received}) == 1
    assert len(bodies(receiver)) == 4
    assert rows_of(engine, "action")[0]["state"] == "delivered"


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(410), "answered HTTP 410: the address is gone for good"),
        (Reply(400, b"bad"), "answered HTTP 400"),
        (
            Reply(302, headers={"Location": "/elsewhere"}),
            "answered HTTP 302, a redirect; give the final address, redirects are not followed",
        ),
    ],
)
def test_what_cannot_succeed_is_given_up_and_said(
    engine: Engine, version_id: int, receiver: HttpReceiver, reply: Reply, error: str
) -> None:
    receiver.reply = lambda _: reply
    measure(engine, version_id, "b")

    assert run(engine).sent == SendSummary(dead=1)
    assert run(engine, NOW + DAY) == ActionSummary()

    last = show_policy(engine, "delay").last_run
    assert last is not None
    assert (last.state, last.sending, last.last_error) == (RunState.FAILED, SendState.DEAD, error)
    assert len(receiver.received) == 1


def test_who_dies_between_sending_and_marking_leaves_it_to_be_sent_again_as_the_same(
    engine: Engine, version_id: int, receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """What a process that dies feels like from inside."""

    def die(*_: object) -> None:
        raise Killed

    measure(engine, version_id, "b")
    with monkeypatch.context() as patch:
        patch.setattr(actions, "settle", die)
        with pytest.raises(Killed):
            run(engine)

    assert run(engine, NOW + CLAIM - timedelta(seconds=1)) == ActionSummary()
    assert run(engine, NOW + CLAIM).sent == SendSummary(delivered=1)
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body


def test_one_target_that_is_slow_does_not_keep_another_waiting(
    engine: Engine, version_id: int, receiver: HttpReceiver
) -> None:
    with http_receiver() as slow:
        slow.reply = lambda _: Reply(503, delay=1.0)
        other = add_version(engine, model="other")
        policy = Policy(("volume",), COOLDOWN, 0)
        set_policy(engine, NOW, "other", policy, webhook_url=slow.url(), secret="env:RETRAIN")
        measure(engine, other, "b", check="volume")
        measure(engine, version_id, "b")

        summary = run(engine)

    assert summary.requested == ("delay", "other")
    assert summary.sent == SendSummary(delivered=1, retrying=1)


@pytest.mark.parametrize(
    ("environment", "error"),
    [
        ({}, "the secret env:RETRAIN is not set"),
        ({"RETRAIN": "hunter2"}, "the secret env:RETRAIN must be whsec_ followed by the key in base64"),
    ],
)
def test_a_missing_or_wrong_secret_is_waited_for(
    engine: Engine, version_id: int, receiver: HttpReceiver, environment: dict[str, str], error: str
) -> None:
    measure(engine, version_id, "b")

    assert run(engine, environment=environment).sent == SendSummary(retrying=1)
    assert rows_of(engine, "action")[0]["last_error"] == error
    assert run(engine, NOW + timedelta(seconds=6)).sent == SendSummary(delivered=1)


def test_without_the_policy_nobody_is_asked_any_more(engine: Engine, version_id: int, receiver: HttpReceiver) -> None:
    receiver.reply = lambda _: Reply(503)
    measure(engine, version_id, "b")
    run(engine)
    remove_policy(engine, NOW, "delay")

    assert run(engine, NOW + timedelta(seconds=6)).sent == SendSummary()
    action = rows_of(engine, "action")[0]
    assert (action["state"], action["last_error"]) == ("dead", "the model's retraining policy has been removed")
    assert len(receiver.received) == 1


def test_no_secret_is_logged_or_stored(
    engine: Engine, version_id: int, receiver: HttpReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.reply = lambda request: Reply(500, request.path.encode())
    measure(engine, version_id, "b")
    run(engine)
    allow(engine, f"http://127.0.0.1:{closed_port()}{PATH}")
    run(engine, NOW + timedelta(seconds=6))

    assert "retraining request msg_" in caplog.text
    for secret in (SECRET, SECRET.removeprefix("whsec_"), "sEcReTtOkEn"):
        assert secret not in caplog.text
        assert secret not in str(rows_of(engine, "action"))


def test_private_targets_are_refused_by_default(engine: Engine, version_id: int, receiver: HttpReceiver) -> None:
    measure(engine, version_id, "b")
    alert(engine, NOW)

    assert act(engine, NOW, Settings(), environment=ENVIRONMENT).sent == SendSummary(dead=1)
    assert receiver.received == []


def test_numbers_that_json_cannot_carry_are_named(engine: Engine, version_id: int, receiver: HttpReceiver) -> None:
    measure(engine, version_id, "b", value=float("inf"), limit=float("nan"))
    run(engine)

    found = json.loads(receiver.received[0].body)["data"]["measurements"][0]
    assert (found["value"], found["limit"]) == ("Infinity", "NaN")
