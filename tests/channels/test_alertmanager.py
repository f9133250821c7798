"""Alertmanager: what stands is told again before it times out, what ended ends, a new severity replaces the old one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine

from app.channels.alertmanager import Alertmanager
from app.core.delivery import Sent
from app.core.messages import Kind
from app.core.severity import Severity
from app.services.alerting import alert
from app.services.channels import add_channel
from app.services.delivery import deliver
from app.settings import Settings
from tests.channels.messages import firing
from tests.channels.sending import of_kind, send
from tests.receivers import HttpReceiver, Received, Reply, alertmanager, http_receiver
from tests.services.measured import DAY, START, add_version, measure

NOW = START + 30 * DAY
LABELS = {"alertname": "training_serving_skew", "model": "delay", "version": "1", "check": "training_serving_skew"}


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with http_receiver() as receiver:
        receiver.reply = alertmanager
        yield receiver


@pytest.fixture
def channel(receiver: HttpReceiver) -> Alertmanager:
    return Alertmanager(url=receiver.url("/prefix/").removesuffix("prefix/"), authorization="env:A")


def test_what_an_alert_says(channel: Alertmanager, receiver: HttpReceiver) -> None:
    assert send(channel, secret="Bearer hunter2") == Sent(receipt="warning")

    (request,) = receiver.received
    assert (request.path, request.headers["authorization"]) == ("/api/v2/alerts", "Bearer hunter2")
    (told,) = request.json
    assert told["labels"] == {**LABELS, "severity": "warning"}
    assert told["annotations"]["summary"] == firing().title
    assert "feature_1: 0.31" in told["annotations"]["description"]
    assert (told["startsAt"], told["generatorURL"]) == ("2026-03-01T00:00:00+00:00", firing().link)
    assert "endsAt" not in told


@pytest.mark.parametrize("kind", [Kind.REPEATED, Kind.ESCALATED, Kind.ACKNOWLEDGED, Kind.RESOLVED])
def test_it_stands_as_long_as_anything_is_in_breach(channel: Alertmanager, receiver: HttpReceiver, kind: Kind) -> None:
    severity = Severity.CRITICAL if kind.alarms else Severity.INFO  # as messages are composed
    answer = send(channel, of_kind(kind, remaining=1, severity=severity), thread="critical")

    assert answer == Sent(receipt="critical")
    assert [("endsAt" in told, told["labels"]["severity"]) for told in receiver.received[0].json] == [
        (False, "critical")
    ]


def test_it_ends_under_the_labels_that_it_was_told_with(channel: Alertmanager, receiver: HttpReceiver) -> None:
    message = of_kind(Kind.RESOLVED, severity=Severity.INFO)

    assert send(channel, message, thread="critical") == Sent()

    (told,) = receiver.received[0].json
    assert told["labels"] == {**LABELS, "severity": "critical"}
    assert told["endsAt"] == "2026-03-02T00:01:00+00:00"


def test_a_new_severity_ends_the_old_one(channel: Alertmanager, receiver: HttpReceiver) -> None:
    message = of_kind(Kind.FIRING, severity=Severity.CRITICAL)

    assert send(channel, message, thread="warning") == Sent(receipt="critical")

    told = [(each["labels"]["severity"], "endsAt" in each) for each in receiver.received[0].json]
    assert told == [("warning", True), ("critical", False)]


class TimingOut:
    """An Alertmanager that takes for resolved what it was not told for five minutes. Its clock is the test's."""

    def __init__(self) -> None:
        self.now = NOW
        self.heard: dict[str, datetime] = {}

    def reply(self, request: Received) -> Reply:
        for told in request.json:
            ends = "endsAt" in told and datetime.fromisoformat(told["endsAt"]) <= self.now
            self.heard[told["labels"]["check"]] = datetime.min.replace(tzinfo=NOW.tzinfo) if ends else self.now
        return alertmanager(request)

    def firing(self) -> set[str]:
        return {check for check, heard in self.heard.items() if self.now - heard < timedelta(minutes=5)}


def test_nothing_times_out_while_it_is_in_breach(engine: Engine, receiver: HttpReceiver) -> None:
    """Forty minutes of rounds every half minute, with an outage of Alertmanager shorter than its timeout."""
    other = TimingOut()
    add_channel(engine, NOW, "alerts", "alertmanager", {"url": receiver.url("")})
    version_id = add_version(engine)
    for check in ("volume", "staleness"):
        measure(engine, version_id, "b", check=check, subject="")
    alert(engine, NOW)
    seen: set[frozenset[str]] = set()

    for half_minute in range(80):
        other.now = NOW + half_minute * timedelta(seconds=30)
        receiver.reply = (lambda _: Reply(503)) if 30 <= half_minute < 36 else other.reply
        if half_minute == 50:
            measure(engine, version_id, "o", check="volume", subject="", first_day=1)
            alert(engine, other.now)
        deliver(engine, other.now, Settings(allow_private_targets=True), environment={}, spaced=False)
        seen.add(frozenset(other.firing()))
        expected = {"volume", "staleness"} if half_minute < 50 else {"staleness"}
        assert other.firing() == expected, half_minute

    assert len(seen) == 2
