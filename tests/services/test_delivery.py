"""Messages reach their channels: at least once, in order, and whatever happens to the others. On both databases."""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import pairwise
from unittest.mock import create_autospec

import pytest
from sqlalchemy import Engine

from app.channels.slack import Slack
from app.core.delivery import RETRY_DELAYS, Answer, Sent, Traits
from app.core.messages import Message
from app.core.ports import Network, Resolve
from app.services import delivery as delivery_service
from app.services.alerting import alert
from app.services.channels import Revival, add_channel, list_channels, remove_channel, retry_dead
from app.services.delivery import deliver
from app.services.sending import SendSummary
from app.settings import Settings
from app.storage.outbox import CLAIM
from tests.receivers import HttpReceiver, Received, Reply, closed_port, http_receiver, smtp_receiver
from tests.services.measured import DAY, START, add_channels, add_version, measure, rows_of

NOW = START + 30 * DAY
SETTINGS = Settings(allow_private_targets=True)
TOKEN = "sEcReTtOkEn"


class Clock:
    """The monotonic clock of the delivery, and its sleep, which takes no time."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(delivery_service, "monotonic", lambda: clock.now)
    monkeypatch.setattr(delivery_service, "sleep", clock.sleep)
    return clock


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with http_receiver() as receiver:
        yield receiver


@pytest.fixture
def environment(receiver: HttpReceiver) -> dict[str, str]:
    """`SLACK` leads to the receiver, `DOWN` to nobody."""
    return {
        "SLACK": receiver.url(f"/services/{TOKEN}"),
        "DOWN": f"http://127.0.0.1:{closed_port()}/services/{TOKEN}",
    }


def fire(engine: Engine, *checks: str, now: datetime = NOW) -> int:
    """One alert per check of a new version; the version's id."""
    version_id = add_version(engine, version=str(len(rows_of(engine, "version")) + 1))
    for check in checks or ("volume",):
        measure(engine, version_id, "b", check=check, subject="")
    alert(engine, now)
    return version_id


def told(receiver: HttpReceiver) -> list[str]:
    return [json.loads(request.body)["text"] for request in receiver.received]


def test_a_message_arrives_once(engine: Engine, receiver: HttpReceiver, environment: dict[str, str]) -> None:
    add_channels(engine, [("ops", "SLACK")])
    fire(engine)

    assert deliver(engine, NOW, SETTINGS, environment=environment) == SendSummary(delivered=1)
    assert deliver(engine, NOW + DAY, SETTINGS, environment=environment) == SendSummary()

    assert told(receiver) == ["delay 1: volume breached"]
    row = rows_of(engine, "delivery")[0]
    assert (row["state"], row["attempts"], row["delivered_at"], row["last_error"]) == ("delivered", 1, NOW, "")


def test_a_channel_that_is_down_for_an_hour_loses_nothing(
    engine: Engine, receiver: HttpReceiver, environment: dict[str, str]
) -> None:
    add_channels(engine, [("ops", "SLACK")])
    working = {"SLACK": environment["SLACK"]}
    broken = {"SLACK": environment["DOWN"]}
    version_id = fire(engine, "volume", "staleness")

    for minute in range(60):
        now = NOW + timedelta(minutes=minute)
        if minute == 20:
            measure(engine, version_id, "o", check="volume", subject="", first_day=1)
            alert(engine, now)
        deliver(engine, now, SETTINGS, environment=broken)
    assert receiver.received == []
    status = list_channels(engine)[0].backlog
    assert (status.pending, status.dead) == (3, 0)
    assert "Connection refused" in status.last_error

    for minute in range(60, 360, 10):
        deliver(engine, NOW + timedelta(minutes=minute), SETTINGS, environment=working)

    assert sorted(told(receiver)) == [
        "delay 1: staleness breached",
        "delay 1: volume back within its limit",
        "delay 1: volume breached",
    ]
    assert told(receiver).index("delay 1: volume breached") < told(receiver).index(
        "delay 1: volume back within its limit"
    )


def test_the_waits_grow_and_end(engine: Engine, environment: dict[str, str]) -> None:
    add_channels(engine, [("ops", "DOWN")])
    fire(engine)
    now, waits = NOW, []

    while deliver(engine, now, SETTINGS, environment=environment).dead == 0:
        due = rows_of(engine, "delivery")[0]["next_attempt_at"]
        assert isinstance(due, datetime)
        assert deliver(engine, due - timedelta(microseconds=1), SETTINGS, environment=environment) == SendSummary()
        waits.append(due - now)
        now = due

    assert len(waits) == len(RETRY_DELAYS)
    assert all(wait <= seen <= wait * 1.1 for wait, seen in zip(RETRY_DELAYS, waits, strict=True))
    row = rows_of(engine, "delivery")[0]
    assert row["state"] == "dead"
    assert re.match(
        r"given up after 10 attempts; the last one: http://127\.0\.0\.1:\d+: cannot connect", str(row["last_error"])
    )


def test_a_channel_that_is_down_does_not_keep_another_waiting(
    engine: Engine, receiver: HttpReceiver, environment: dict[str, str]
) -> None:
    with http_receiver() as slow:
        slow.reply = lambda _: Reply(503, delay=1.0)
        add_channels(engine, [("a-slow", "SLOW"), ("b-down", "DOWN"), ("c-works", "SLACK")])
        fire(engine, "volume", "staleness", "performance")
        begun = time.monotonic()
        arrived: list[float] = []

        def reply(_: Received) -> Reply:
            arrived.append(time.monotonic() - begun)
            return Reply()

        receiver.reply = reply
        summary = deliver(engine, NOW, SETTINGS, environment={**environment, "SLOW": slow.url()})

    assert summary == SendSummary(delivered=3, retrying=2)
    assert len(slow.received) == 1
    assert max(arrived) < 1.0


def test_a_wrong_address_is_given_up_at_once_and_said(
    engine: Engine, receiver: HttpReceiver, environment: dict[str, str]
) -> None:
    receiver.reply = lambda _: Reply(404, b"no_service")
    add_channels(engine, [("ops", "SLACK")])
    fire(engine, "volume", "staleness")

    assert deliver(engine, NOW, SETTINGS, environment=environment) == SendSummary(dead=2)

    backlog = list_channels(engine)[0].backlog
    assert (backlog.pending, backlog.dead, backlog.last_error) == (0, 2, "answered HTTP 404 (no_service)")


def test_a_resolve_waits_for_its_fire_but_other_messages_do_not(
    engine: Engine, receiver: HttpReceiver, environment: dict[str, str]
) -> None:
    """The first message is one that the channel cannot take now, for whatever reason."""
    add_channels(engine, [("ops", "SLACK")])
    version_id = fire(engine, "volume")
    receiver.reply = lambda request: Reply(500 if b"volume breached" in request.body else 200)
    deliver(engine, NOW, SETTINGS, environment=environment)
    measure(engine, version_id, "o", check="volume", subject="", first_day=1)
    measure(engine, version_id, "b", check="staleness", subject="", first_day=1)
    alert(engine, NOW)

    assert deliver(engine, NOW, SETTINGS, environment=environment) == SendSummary(delivered=1)
    assert told(receiver) == ["delay 1: volume breached", "delay 1: staleness breached"]

    receiver.reply = lambda _: Reply()
    assert deliver(engine, NOW + timedelta(seconds=6), SETTINGS, environment=environment) == SendSummary(delivered=2)
    assert told(receiver)[2:] == ["delay 1: volume breached", "delay 1: volume back within its limit"]


def test_a_channel_that_asks_to_wait_is_left_alone(
    engine: Engine, receiver: HttpReceiver, environment: dict[str, str]
) -> None:
    receiver.reply = lambda _: Reply(429, b"rate_limited", {"Retry-After": "90"})
    add_channels(engine, [("ops", "SLACK")])
    fire(engine, "volume", "staleness")

    deliver(engine, NOW, SETTINGS, environment=environment)
    deliver(engine, NOW + timedelta(seconds=89), SETTINGS, environment=environment)
    assert len(receiver.received) == 1

    receiver.reply = lambda _: Reply()
    assert deliver(engine, NOW + timedelta(seconds=90), SETTINGS, environment=environment) == SendSummary(delivered=2)


class Killed(BaseException):
    """What a process that dies feels like from inside."""


def test_who_dies_between_sending_and_marking_leaves_it_to_be_sent_again_as_the_same(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise Killed

    with smtp_receiver() as smtp:
        config = {"host": "127.0.0.1", "port": smtp.port, "sender": "w@example.org", "recipients": "a@example.org"}
        add_channel(engine, NOW, "mail", "email", config)
        fire(engine)
        with monkeypatch.context() as patch:
            patch.setattr(delivery_service, "settle", die)
            with pytest.raises(Killed):
                deliver(engine, NOW, SETTINGS, environment={})
        assert len(smtp.mails) == 1
        assert rows_of(engine, "delivery")[0]["state"] == "pending"

        soon = NOW + CLAIM - timedelta(seconds=1)
        assert deliver(engine, soon, SETTINGS, environment={}) == SendSummary()
        assert deliver(engine, NOW + CLAIM, SETTINGS, environment={}) == SendSummary(delivered=1)

    once, again = smtp.mails
    assert once["message-id"] == again["message-id"]


def test_two_processes_do_not_send_it_twice(
    engine: Engine, receiver: HttpReceiver, environment: dict[str, str]
) -> None:
    receiver.reply = lambda _: Reply(delay=0.01)
    add_channels(engine, [("a", "SLACK"), ("b", "SLACK")])
    for _ in range(5):
        fire(engine, "volume", "staleness")

    with ThreadPoolExecutor(4) as pool:
        rounds = pool.map(lambda _: deliver(engine, NOW, SETTINGS, environment=environment), range(4))
        assert sum(rounds, SendSummary()).delivered == 20

    assert len(receiver.received) == 20
    assert all(told(receiver).count(text) == 2 for text in told(receiver))


def test_a_late_acceptance_counts_though_the_claim_ran_out(
    engine: Engine, receiver: HttpReceiver, environment: dict[str, str]
) -> None:
    """One process is slower than its claim; another tries too and fails. It was told, so it is delivered."""
    add_channels(engine, [("ops", "SLACK")])
    fire(engine)
    first, second_failed = threading.Event(), threading.Event()

    def reply(_: Received) -> Reply:
        if not first.is_set():
            first.set()
            second_failed.wait(5)
            return Reply()
        return Reply(500)

    receiver.reply = reply
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(deliver, engine, NOW, SETTINGS, environment=environment)
        assert first.wait(5)
        assert deliver(engine, NOW + CLAIM, SETTINGS, environment=environment) == SendSummary(retrying=1)
        second_failed.set()
        assert slow.result() == SendSummary(delivered=1)

    assert rows_of(engine, "delivery")[0]["state"] == "delivered"


def test_a_secret_that_is_missing_is_waited_for(engine: Engine, receiver: HttpReceiver) -> None:
    add_channels(engine, [("ops", "SLACK")])
    fire(engine)

    assert deliver(engine, NOW, SETTINGS, environment={}) == SendSummary(retrying=1)
    assert rows_of(engine, "delivery")[0]["last_error"] == "the secret env:SLACK is not set"


def test_private_targets_are_refused_by_default(
    engine: Engine, receiver: HttpReceiver, environment: dict[str, str]
) -> None:
    add_channels(engine, [("ops", "SLACK")])
    fire(engine)

    assert deliver(engine, NOW, Settings(), environment=environment) == SendSummary(dead=1)
    assert receiver.received == []
    assert "is a private address" in str(rows_of(engine, "delivery")[0]["last_error"])


def test_no_secret_is_logged_or_stored(
    engine: Engine, receiver: HttpReceiver, environment: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.reply = lambda request: Reply(500, request.path.encode())
    add_channels(engine, [("ops", "SLACK"), ("gone", "DOWN")])
    fire(engine)

    deliver(engine, NOW, SETTINGS, environment=environment)

    assert any("delivery" in record.getMessage() for record in caplog.records)
    assert TOKEN not in caplog.text
    assert TOKEN not in str(rows_of(engine, "delivery")) + str(list_channels(engine))


def test_a_channel_that_is_removed_takes_its_messages_along(
    engine: Engine, receiver: HttpReceiver, environment: dict[str, str]
) -> None:
    add_channels(engine, [("ops", "SLACK")])
    fire(engine)
    remove_channel(engine, "ops")

    assert deliver(engine, NOW, SETTINGS, environment=environment) == SendSummary()
    assert receiver.received == []


def test_a_storm_comes_in_order_and_no_faster_than_the_channel_takes_it(
    engine: Engine, receiver: HttpReceiver, environment: dict[str, str], clock: Clock
) -> None:
    """200 messages to one channel; a Slack webhook takes one a second."""
    arrived: list[float] = []

    def reply(_: Received) -> Reply:
        arrived.append(clock.now)
        return Reply()

    receiver.reply = reply
    add_channels(engine, [("ops", "SLACK")])
    checks = [f"check_{number}" for number in range(200)]
    fire(engine, *checks)

    rounds = 0
    while rounds < 10 and len(arrived) < 200:
        deliver(engine, NOW + timedelta(seconds=clock.now), SETTINGS, environment=environment)
        rounds += 1

    assert told(receiver) == [f"delay 1: {check} breached" for check in sorted(checks)]
    assert min(after - before for before, after in pairwise(arrived)) >= 1.0
    assert arrived[-1] <= 200.0
    assert rounds == 4, "a round gives others their turn after a minute"


def test_a_channel_is_handed_the_receipt_of_the_thread(
    engine: Engine, receiver: HttpReceiver, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    handed: list[tuple[str, str, str]] = []

    def send(self: Slack, message: Message, *, network: Network, resolve: Resolve, thread: str = "") -> Answer:
        handed.append((self.url, message.title, thread))
        return Sent(receipt="" if message.ends else f"{message.check} told")

    monkeypatch.setattr(Slack, "send", create_autospec(Slack.send, side_effect=send))
    add_channels(engine, [("a", "A"), ("b", "B")])
    version_id = fire(engine, "volume", "staleness")
    deliver(engine, NOW, SETTINGS, environment=environment)
    for first_day, outcome in [(1, "o"), (2, "b")]:
        measure(engine, version_id, outcome, check="volume", subject="", first_day=first_day)
        alert(engine, NOW)
        deliver(engine, NOW, SETTINGS, environment=environment)

    for channel in ("env:A", "env:B"):
        assert [(title, thread) for url, title, thread in handed if url == channel and "volume" in title] == [
            ("delay 1: volume breached", ""),
            ("delay 1: volume back within its limit", "volume told"),
            ("delay 1: volume breached", ""),
        ]


MINUTE = timedelta(minutes=1)


@pytest.fixture
def resending(monkeypatch: pytest.MonkeyPatch) -> None:
    """A channel that has to be told every minute what is still in breach."""
    monkeypatch.setattr(Slack, "traits", Traits(resend=MINUTE))


@pytest.mark.usefixtures("resending")
def test_what_stands_is_told_again_until_it_ends(
    engine: Engine, receiver: HttpReceiver, environment: dict[str, str]
) -> None:
    add_channels(engine, [("ops", "SLACK")])
    version_id = fire(engine, "volume", "staleness")
    for second in (0, 59, 60, 70, 120):
        deliver(engine, NOW + timedelta(seconds=second), SETTINGS, environment=environment)
    fired = ["delay 1: staleness breached", "delay 1: volume breached"]
    assert told(receiver) == fired * 3

    measure(engine, version_id, "o", check="volume", subject="", first_day=1)
    alert(engine, NOW)
    for minute in (3, 4):
        deliver(engine, NOW + minute * MINUTE, SETTINGS, environment=environment)
    assert told(receiver)[6:] == [
        "delay 1: volume back within its limit",
        "delay 1: staleness breached",
        "delay 1: staleness breached",
    ]
    assert {row["attempts"] for row in rows_of(engine, "delivery")} == {1}


@pytest.mark.usefixtures("resending")
def test_telling_again_goes_on_after_a_failure_and_says_it_once(
    engine: Engine, receiver: HttpReceiver, environment: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    add_channels(engine, [("ops", "SLACK")])
    fire(engine, "volume")
    deliver(engine, NOW, SETTINGS, environment=environment)

    receiver.reply = lambda _: Reply(404, b"no_service")
    for minute in (1, 2):
        assert deliver(engine, NOW + minute * MINUTE, SETTINGS, environment=environment) == SendSummary()
    assert list_channels(engine)[0].backlog.last_error == "answered HTTP 404 (no_service)"
    assert [record.levelname for record in caplog.records].count("WARNING") == 1

    receiver.reply = lambda _: Reply()
    deliver(engine, NOW + 3 * MINUTE, SETTINGS, environment=environment)
    assert list_channels(engine)[0].backlog.last_error == ""
    assert len(receiver.received) == 4


@pytest.mark.usefixtures("resending")
def test_nothing_is_told_again_that_a_newer_message_denies_though_that_was_given_up(
    engine: Engine, receiver: HttpReceiver, environment: dict[str, str]
) -> None:
    add_channels(engine, [("ops", "SLACK")])
    version_id = fire(engine, "volume")
    deliver(engine, NOW, SETTINGS, environment=environment)
    measure(engine, version_id, "o", check="volume", subject="", first_day=1)
    alert(engine, NOW)
    receiver.reply = lambda _: Reply(404)
    assert deliver(engine, NOW, SETTINGS, environment=environment) == SendSummary(dead=1)

    receiver.reply = lambda _: Reply()
    deliver(engine, NOW + MINUTE, SETTINGS, environment=environment)

    assert told(receiver) == ["delay 1: volume breached", "delay 1: volume back within its limit"]


def test_what_was_given_up_can_be_sent_again_unless_it_was_overtaken(
    engine: Engine, receiver: HttpReceiver, environment: dict[str, str]
) -> None:
    """An alert that is told after its resolve would stand open for ever."""
    add_channels(engine, [("ops", "SLACK"), ("other", "SLACK")])
    version_id = fire(engine, "volume", "staleness")
    receiver.reply = lambda _: Reply(404)
    assert deliver(engine, NOW, SETTINGS, environment=environment) == SendSummary(dead=4)
    receiver.reply = lambda _: Reply()
    measure(engine, version_id, "o", check="volume", subject="", first_day=1)
    alert(engine, NOW)
    deliver(engine, NOW, SETTINGS, environment=environment)
    receiver.received.clear()

    assert retry_dead(engine, NOW, "ops") == Revival(pending=1, overtaken=1)
    assert retry_dead(engine, NOW, "ops") == Revival(pending=0, overtaken=1)
    assert deliver(engine, NOW, SETTINGS, environment=environment) == SendSummary(delivered=1)

    assert told(receiver) == ["delay 1: staleness breached"]
    assert [(status.name, status.backlog.dead) for status in list_channels(engine)] == [("ops", 1), ("other", 2)]
