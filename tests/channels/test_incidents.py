"""PagerDuty and Opsgenie: an incident for each thread is opened, acknowledged, and closed at the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from app.channels.opsgenie import Opsgenie
from app.channels.pagerduty import PagerDuty
from app.core.delivery import Failed, Sent
from app.core.messages import Kind
from app.core.severity import Severity
from tests.channels.messages import firing
from tests.channels.sending import of_kind, send
from tests.receivers import HttpReceiver, http_receiver, opsgenie, pagerduty

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with http_receiver() as receiver:
        yield receiver


class TestPagerDuty:
    @pytest.fixture
    def channel(self, receiver: HttpReceiver) -> PagerDuty:
        receiver.reply = pagerduty
        return PagerDuty(routing_key="env:K", url=receiver.url(""))

    @pytest.mark.parametrize(
        ("kind", "remaining", "action"),
        [
            (Kind.FIRING, 2, "trigger"),
            (Kind.REPEATED, 2, "trigger"),
            (Kind.ESCALATED, 2, "trigger"),
            (Kind.ACKNOWLEDGED, 2, "acknowledge"),
            (Kind.RESOLVED, 0, "resolve"),
        ],
    )
    def test_one_key_through_the_life_of_an_alert(
        self, channel: PagerDuty, receiver: HttpReceiver, kind: Kind, remaining: int, action: str
    ) -> None:
        assert send(channel, of_kind(kind, remaining=remaining), secret=KEY) == Sent()

        (event,) = receiver.received
        assert event.path == "/v2/enqueue"
        assert event.json["routing_key"] == KEY
        assert (event.json["event_action"], event.json["dedup_key"]) == (action, firing().thread)

    @pytest.mark.parametrize("severity", list(Severity))
    def test_what_an_incident_says(self, channel: PagerDuty, receiver: HttpReceiver, severity: Severity) -> None:
        send(channel, of_kind(Kind.FIRING, severity=severity), secret=KEY)

        event = receiver.received[0].json
        assert event["payload"] == {
            "summary": firing().title,
            "source": "delay 1",
            "timestamp": "2026-03-02T00:01:00+00:00",
            "severity": severity.value,
            "group": "delay",
            "class": "training_serving_skew",
            "custom_details": {
                "Subjects": [
                    "- feature_0: 0.31, limit 0.1 (normed Wasserstein); above its limit",
                    "- feature_1: 0.31, limit 0.1 (normed Wasserstein); above its limit",
                ],
                "In breach since": "2026-03-01 00:00 UTC",
                "Window": "2026-03-01 00:00 UTC to 2026-03-02 00:00 UTC",
                "Expected false breaches": "0.003 per window and subject",
                "What to do": "Compare the pipelines.",
            },
        }
        assert event["links"] == [{"href": firing().link, "text": "Open in Watchkeeper"}]

    def test_news_is_a_change_and_no_incident(self, channel: PagerDuty, receiver: HttpReceiver) -> None:
        assert send(channel, of_kind(Kind.NEWS), secret=KEY) == Sent()

        (event,) = receiver.received
        assert event.path == "/v2/change/enqueue"
        assert "event_action" not in event.json

    @pytest.mark.parametrize(("kind", "remaining"), [(Kind.RESOLVED, 1), (Kind.DIGEST, 0)])
    def test_what_changes_no_incident_is_not_passed_on(
        self, channel: PagerDuty, receiver: HttpReceiver, kind: Kind, remaining: int
    ) -> None:
        answer = send(channel, of_kind(kind, remaining=remaining), secret=KEY)

        assert isinstance(answer, Sent)
        assert answer.note.startswith("not passed on: ")
        assert receiver.received == []

    def test_a_wrong_key_is_given_up(self, channel: PagerDuty) -> None:
        assert send(channel, secret="short") == Failed("answered HTTP 400")


class TestOpsgenie:
    @pytest.fixture
    def channel(self, receiver: HttpReceiver) -> Opsgenie:
        receiver.reply = opsgenie
        return Opsgenie(key="env:K", url=receiver.url("/jsm/ops/integration/"), team="ml")

    @pytest.mark.parametrize(
        ("severity", "priority"), [(Severity.CRITICAL, "P1"), (Severity.WARNING, "P3"), (Severity.INFO, "P5")]
    )
    def test_what_an_alert_says(
        self, receiver: HttpReceiver, severity: Severity, priority: str, channel: Opsgenie
    ) -> None:
        receiver.reply = lambda request: opsgenie(
            type(request)(request.path.removeprefix("/jsm/ops/integration"), request.headers, request.body)
        )
        assert send(channel, of_kind(Kind.FIRING, severity=severity), secret=KEY) == Sent()

        (created,) = receiver.received
        assert created.path == "/jsm/ops/integration/v2/alerts"
        assert created.headers["authorization"] == f"GenieKey {KEY}"
        said: dict[str, Any] = created.json
        assert (said["alias"], said["priority"], said["source"]) == (firing().thread, priority, "Watchkeeper")
        assert (said["message"], said["responders"]) == (firing().title, [{"name": "ml", "type": "team"}])
        assert "feature_1: 0.31" in said["description"]

    @pytest.mark.parametrize(
        ("kind", "remaining", "change"),
        [(Kind.ACKNOWLEDGED, 2, "acknowledge"), (Kind.RESOLVED, 1, "notes"), (Kind.RESOLVED, 0, "close")],
    )
    def test_what_happens_to_it(self, receiver: HttpReceiver, kind: Kind, remaining: int, change: str) -> None:
        receiver.reply = opsgenie
        channel = Opsgenie(key="env:K", url=receiver.url(""))

        assert send(channel, of_kind(kind, remaining=remaining), secret=KEY) == Sent()

        (request,) = receiver.received
        assert request.path == f"/v2/alerts/{firing().thread}/{change}?identifierType=alias"
        assert request.json["note"].startswith(firing().title)

    def test_what_is_no_alert_is_not_passed_on(self, channel: Opsgenie, receiver: HttpReceiver) -> None:
        for kind in (Kind.NEWS, Kind.DIGEST):
            answer = send(channel, of_kind(kind), secret=KEY)
            assert isinstance(answer, Sent)
            assert answer.note.startswith("not passed on: ")
        assert receiver.received == []
