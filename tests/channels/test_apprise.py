"""Apprise: which services it may reach, and what is known of what went wrong."""

from __future__ import annotations

import dataclasses
import sys
from datetime import timedelta

import pytest

from app.channels.apprise import WELL_KNOWN, Apprise
from app.core.delivery import Failed, Retry, Sent
from app.core.messages import Kind
from app.core.severity import Severity
from app.outbound import OutboundClient
from tests.channels.messages import firing
from tests.channels.sending import of_kind, send
from tests.receivers import Reply, http_receiver


def json_url(port: int) -> str:
    return f"json://127.0.0.1:{port}/hunter2"


@pytest.mark.parametrize(
    ("kind", "severity", "told_as"),
    [
        (Kind.FIRING, Severity.CRITICAL, "failure"),
        (Kind.FIRING, Severity.WARNING, "warning"),
        (Kind.NEWS, Severity.INFO, "info"),
        (Kind.RESOLVED, Severity.WARNING, "success"),
    ],
)
def test_a_message_arrives(kind: Kind, severity: Severity, told_as: str) -> None:
    with http_receiver() as receiver:
        message = of_kind(kind, severity=severity)
        assert send(Apprise(url="env:U"), message, secret=json_url(receiver.port)) == Sent()

    (request,) = receiver.received
    assert (request.json["title"], request.json["type"]) == (firing().title, told_as)
    assert "- feature_1: 0.31, limit 0.1" in request.json["message"]


def test_a_name_that_is_a_mention_calls_nobody() -> None:
    message = dataclasses.replace(
        firing(text="[bank](http://evil)"), title="<@1> <@&2> <users/all>", advice="@everyone"
    )
    with http_receiver() as receiver:
        assert send(Apprise(url="env:U"), message, secret=json_url(receiver.port)) == Sent()

    said = receiver.received[0].json
    assert said["title"].replace("\u200b", "") == message.title
    forged = ("<@", "<users", "@everyone", "](http")
    assert not [markup for markup in forged if markup in said["title"] + said["message"]]


def test_the_status_is_judged_and_nothing_else_repeated() -> None:
    with http_receiver() as receiver:
        for status, answer in [(401, Failed("answered HTTP 401")), (503, Retry("answered HTTP 503"))]:
            receiver.reply = lambda _: Reply(status, b"hunter2 error=200", {"Retry-After": "9"})  # noqa: B023
            assert send(Apprise(url="env:U"), secret=json_url(receiver.port)) == answer


REFUSED = ["json://hooks.example.org/", "mailtos://a:b@example.org", "matrix://h", "syslog://", "https://x", "", "::"]


@pytest.mark.parametrize("url", [*REFUSED, "Discord@example.org://"])
def test_what_may_lead_anywhere_is_refused_by_default(url: str) -> None:
    network = OutboundClient(allow_private=False)

    answer = Apprise(url="env:U").send(firing(), network=network, resolve=lambda _: url)

    assert isinstance(answer, Failed)
    assert answer.why.startswith("not one of the services at a fixed public address")


@pytest.mark.parametrize("parameter", ["verify=no", "redirect=yes", "template=/etc/passwd", "Verify=no", "+verify=no"])
def test_parameters_that_open_doors_are_refused_by_default(parameter: str) -> None:
    network = OutboundClient(allow_private=False)

    answer = Apprise(url="env:U").send(firing(), network=network, resolve=lambda _: f"discord://1/2/?{parameter}")

    assert isinstance(answer, Failed)
    assert "is not used" in answer.why


def test_the_well_known_services_are_known_to_apprise_and_take_no_host() -> None:
    from apprise.plugins import N_MGR

    for scheme in WELL_KNOWN:
        plugin = N_MGR[scheme]
        assert "host" not in plugin.template_tokens, scheme
        assert not any("{host}" in template for template in plugin.templates), scheme


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)

    answer = send(Apprise(url="env:U"), secret="json://127.0.0.1:1/")

    assert answer == Failed("Apprise is not installed; `pip install watchkeeper[apprise]` brings it")


def test_messages_are_spaced() -> None:
    assert Apprise.traits.spacing == timedelta(seconds=1)
