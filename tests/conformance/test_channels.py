"""What holds for every channel there is, and will be: it is found through the registry."""

from __future__ import annotations

import dataclasses
import json
import logging
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from itertools import product
from typing import Any
from unittest.mock import create_autospec

import pytest
from standardwebhooks import Webhook as Verifier

from app.channels import apprise as apprise_channel
from app.core.delivery import Answer, Failed, Retry, Sent
from app.core.messages import Kind, Line, Message
from app.core.severity import Severity
from app.outbound import OutboundClient
from app.services.channels import configure, kinds
from app.services.secrets import Secrets
from app.services.sending import attempt
from tests import receivers
from tests.channels.messages import firing
from tests.receivers import (
    HttpReceiver,
    Received,
    Reply,
    SmtpReceiver,
    closed_port,
    http_receiver,
    raw_receiver,
    smtp_receiver,
)

SECRET = "hUnTeR2sEcReTtOkEn"
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")

Config = dict[str, Any]
HOST = "127.0.0.1"


@dataclasses.dataclass(frozen=True)
class Rig:
    """How to put one kind of channel before a server of its kind.

    `config` is for a host and a port, `secret` stands behind `env:S`; `service` answers as the documentation says.
    """

    config: Callable[[str, int], Config]
    secret: Callable[[str, int], str]
    service: Callable[[Received], Reply] | None
    tells_wait: bool = True


def at(host: str, port: int) -> str:
    return f"http://{host}:{port}"


KEY = (SECRET * 2)[:32]
SIGNING = "whsec_" + "aFVuVGVSMnNFY1JlVHRPa0VuaFVuVGVSMg=="
MAIL = {"sender": "w@example.org", "recipients": "a@example.org", "tls": "none", "username": "w", "password": "env:S"}
RIGS: Mapping[str, Rig] = {
    "alertmanager": Rig(
        lambda host, port: {"url": at(host, port), "authorization": "env:S"},
        lambda *_: f"Bearer {SECRET}",
        receivers.alertmanager,
    ),
    "apprise": Rig(
        lambda *_: {"url": "env:S"},
        lambda host, port: f"json://{host}:{port}/{SECRET}",
        lambda _: Reply(),
        tells_wait=False,  # Apprise hands on the status, not the headers
    ),
    "email": Rig(lambda host, port: {**MAIL, "host": host, "port": port}, lambda *_: SECRET, None),
    "opsgenie": Rig(
        lambda host, port: {"url": at(host, port), "key": "env:S", "team": "ml"}, lambda *_: KEY, receivers.opsgenie
    ),
    "pagerduty": Rig(
        lambda host, port: {"url": at(host, port), "routing_key": "env:S"}, lambda *_: KEY, receivers.pagerduty
    ),
    "slack": Rig(
        lambda *_: {"url": "env:S"},
        lambda host, port: f"{at(host, port)}/services/T0/{SECRET}",
        receivers.slack_webhook,
    ),
    "slack_bot": Rig(
        lambda host, port: {"url": f"{at(host, port)}/api", "channel": "C0123ABCDEF", "token": "env:S"},
        lambda *_: f"xoxb-{SECRET}",
        receivers.slack_api,
    ),
    "teams": Rig(
        lambda *_: {"url": "env:S"},
        lambda host, port: f"{at(host, port)}/workflows/1/triggers/manual/paths/invoke?sig={SECRET}",
        receivers.teams,
    ),
    "webhook": Rig(
        lambda host, port: {"url": f"{at(host, port)}/hook", "secret": "env:S"},
        lambda *_: SIGNING,
        lambda _: Reply(204, b""),
    ),
}
OVER_HTTP = sorted(kind for kind, rig in RIGS.items() if rig.service)


def test_every_channel_has_a_rig() -> None:
    assert RIGS.keys() == kinds().keys()


every_channel = pytest.mark.parametrize("kind", sorted(RIGS))
every_http_channel = pytest.mark.parametrize("kind", OVER_HTTP)


def send(
    kind: str,
    port: int,
    message: Message | None = None,
    *,
    host: str = HOST,
    thread: str = "",
    private: bool = True,
    patience: float = 2.0,
) -> Answer:
    rig = RIGS[kind]
    secrets = Secrets({"S": rig.secret(host, port)})
    network = OutboundClient(allow_private=private, timeout=patience)
    channel = configure(kind, rig.config(host, port))
    return attempt(
        lambda: channel.send(message or firing(), network=network, resolve=secrets.resolve, thread=thread), secrets
    )


def words(answer: Answer) -> str:
    return answer.note if isinstance(answer, Sent) else answer.why


@contextmanager
def taking(kind: str) -> Iterator[HttpReceiver | SmtpReceiver]:
    """A server that takes what the channel says, if it is said as the service wants it."""
    service = RIGS[kind].service
    if service is None:
        with smtp_receiver(password=SECRET) as mail:
            yield mail
        return
    with http_receiver() as receiver:
        receiver.reply = service
        yield receiver


def spoken(caplog: pytest.LogCaptureFixture) -> str:
    """All that was logged, by whomever."""
    return "\n".join(logging.Formatter().format(record) for record in caplog.records)


def repeating(status: int) -> Callable[[Received], Reply]:
    """A server that repeats what it was sent, wherever it can."""

    def reply(request: Received) -> Reply:
        said = f"{request.path} {request.headers.get('authorization')} {request.body.decode()}"
        return Reply(status, said.encode(), {"Location": request.path, "X-Error": request.path})

    return reply


def of_kind(kind: Kind, **more: Any) -> Message:
    return dataclasses.replace(firing(), kind=kind, **more)


@every_channel
def test_every_kind_of_message_is_taken(kind: str) -> None:
    with taking(kind) as server:
        for said, severity in product(Kind, Severity):
            answer = send(kind, server.port, of_kind(said, severity=severity))
            assert isinstance(answer, Sent), (said, severity, words(answer))
            answer = send(kind, server.port, of_kind(said, remaining=2), thread=answer.receipt)
            assert isinstance(answer, Sent), (said, severity, words(answer))


HUGE = {
    "long texts": "long " * 400,
    "emoji": "👩‍🚀🏳️‍🌈🔥" * 200,
    "control characters": "a\x00b\x1b[31m\u202ec\r\nd\x7f" * 50,
    "markup": "<b>&amp;</b> *bold* [here](https://evil.example) <!channel> </td>]]> {{ x }} ${x} `" * 20,
    "short": "s",
}


@every_channel
def test_a_message_with_500_lines_is_within_the_limits_of_the_service(kind: str) -> None:
    """The servers refuse what the services would."""
    with taking(kind) as server:
        for name, text in HUGE.items():
            message = dataclasses.replace(
                firing(500, text, more=7),
                title=f"delay 1: {text} breached",
                advice=text,
                causes=(text, text, text),
                note=text,
                report=text,
                runbook=f"https://wiki.example.org/{text}",
                model=text[:200],
                link="https://watch.example.org/model?" + "q" * 1500,
            )
            for said in (Kind.FIRING, Kind.ACKNOWLEDGED, Kind.RESOLVED, Kind.NEWS):
                answer = send(kind, server.port, dataclasses.replace(message, kind=said))
                assert isinstance(answer, Sent), (name, said, words(answer))


@every_channel
def test_a_message_about_watchkeeper_itself_is_taken(kind: str) -> None:
    bare = Line("", "", None, None, "", "the queue grows")
    itself = dataclasses.replace(
        firing(), model="", version="", check="", since=None, window=None, advice="", link="", lines=(bare,)
    )
    with taking(kind) as server:
        assert isinstance(send(kind, server.port, itself), Sent)


REFUSED_FOR_GOOD = [
    300,
    301,
    302,
    303,
    304,
    307,
    308,
    400,
    401,
    402,
    403,
    404,
    405,
    406,
    409,
    410,
    411,
    413,
    415,
    418,
    421,
    422,
    426,
    431,
    451,
]
TO_BE_TRIED_AGAIN = [408, 425, 429, 500, 501, 502, 503, 504, 507, 508, 511, 520, 529, 599]


@every_http_channel
def test_every_http_status_is_judged_alike_and_no_secret_is_repeated(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with http_receiver() as receiver:
        for count, status in enumerate([*REFUSED_FOR_GOOD, *TO_BE_TRIED_AGAIN], start=1):
            receiver.reply = repeating(status)
            answer = send(kind, receiver.port)

            assert len(receiver.received) == count, "a redirect is not followed, and nothing is tried twice at once"
            assert isinstance(answer, Failed if status in REFUSED_FOR_GOOD else Retry), (status, answer)
            assert str(status) in words(answer)
            for part in (SECRET, KEY, SIGNING):
                assert part not in words(answer)
    for part in (SECRET, KEY, SIGNING):
        assert part not in spoken(caplog)


WISHES: list[tuple[dict[str, str], timedelta | None]] = [
    ({"Retry-After": "77"}, timedelta(seconds=77)),
    (
        {"Date": "Fri, 31 Dec 1999 23:59:00 GMT", "Retry-After": "Sat, 01 Jan 2000 00:01:00 GMT"},
        timedelta(seconds=120),
    ),
    ({"Retry-After": "soon"}, None),
    ({"Retry-After": "99999999999999999999"}, timedelta(hours=24)),
]


@every_http_channel
def test_a_wish_to_wait_is_honoured(kind: str) -> None:
    with http_receiver() as receiver:
        for status, (headers, after) in product([429, 503], WISHES):
            receiver.reply = lambda _: Reply(status, b"", headers)  # noqa: B023
            answer = send(kind, receiver.port)

            assert isinstance(answer, Retry), (status, headers)
            assert answer.after == (after if RIGS[kind].tells_wait else None), (status, headers)


@every_http_channel
def test_every_attempt_at_a_message_has_the_same_identity(kind: str) -> None:
    """What a service knows a message by is the same the second time, though the times in it may differ."""
    volatile = {"webhook-timestamp", "webhook-signature"}
    with taking(kind) as server:
        assert isinstance(server, HttpReceiver)
        send(kind, server.port)
        time.sleep(1.01)
        send(kind, server.port)

    once, again = server.received
    assert once.body == again.body
    assert {k: v for k, v in once.headers.items() if k not in volatile} == {
        k: v for k, v in again.headers.items() if k not in volatile
    }


@every_channel
@pytest.mark.parametrize("said", [b"", SECRET.encode() + b" is neither HTTP nor SMTP\r\n\r\n"])
def test_a_server_that_speaks_something_else_is_tried_again(
    kind: str, said: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with raw_receiver(said) as port:
        answer = send(kind, port)

    assert isinstance(answer, Retry)
    assert SECRET not in words(answer) + spoken(caplog)


@every_channel
def test_a_server_that_is_gone_is_tried_again(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answer = send(kind, closed_port())

    assert isinstance(answer, Retry)
    assert words(answer)
    assert SECRET not in words(answer) + spoken(caplog)


@every_channel
def test_a_name_that_does_not_resolve_is_tried_again(kind: str) -> None:
    answer = send(kind, 80, host="no-such-host.invalid")

    assert isinstance(answer, Retry)
    assert SECRET not in words(answer)


@every_http_channel
@pytest.mark.parametrize(
    "reply", [Reply(delay=8), Reply(body=b"x" * 500, drip=0.1)], ids=["silent", "a byte at a time"]
)
def test_a_slow_server_is_left_in_time(kind: str, reply: Reply, monkeypatch: pytest.MonkeyPatch) -> None:
    patience = 0.5
    monkeypatch.setattr(apprise_channel, "TIMEOUT_SECONDS", patience)
    begun = time.monotonic()
    with http_receiver() as receiver:
        receiver.reply = lambda _: reply
        answer = send(kind, receiver.port, patience=patience)
        took = time.monotonic() - begun

    assert isinstance(answer, Retry)
    assert took < 4.5


@every_http_channel
def test_a_server_that_answers_nonsense_breaks_nothing(kind: str) -> None:
    """Where the body says whether it was taken, nonsense is no yes; elsewhere the status counts."""
    with http_receiver() as receiver:
        for body in [b"\xff\xfe\x00", b"[]", b"null", b'{"ok": "yes"}', b"x" * 200_000]:
            receiver.reply = lambda _: Reply(200, body)  # noqa: B023
            answer = send(kind, receiver.port)
            assert isinstance(answer, Retry if kind in {"slack", "slack_bot"} else Sent), body[:20]


INSIDE = ["127.0.0.1", "10.0.0.1", "169.254.169.254", "192.168.1.1", "::1", "fd00:ec2::254", "fe80::1", "0.0.0.0"]


@every_channel
@pytest.mark.parametrize("address", INSIDE)
def test_a_name_that_leads_inside_is_refused_for_good(kind: str, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Server-side request forgery: what counts is where the name leads when the connection is made."""
    asked: list[Any] = []

    def resolve(host: Any, port: Any, *args: Any, **more: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", create_autospec(socket.getaddrinfo, side_effect=resolve))
    connect = create_autospec(socket.socket.connect, side_effect=AssertionError("nothing is connected to"))
    monkeypatch.setattr(socket.socket, "connect", connect)

    fixed = "not one of the services at a fixed public address"  # Apprise resolves by itself, so it is not even asked
    answer = send(kind, 80, host="hook.example.org", private=False)
    assert isinstance(answer, Failed)
    assert (fixed if kind == "apprise" else f"resolves to {address}, which is a private address") in answer.why
    assert SECRET not in answer.why


@every_http_channel
def test_a_redirect_that_leads_inside_is_refused(kind: str) -> None:
    with http_receiver() as inside, http_receiver() as receiver:
        receiver.reply = lambda _: Reply(307, b"", {"Location": inside.url("/latest/meta-data")})
        answer = send(kind, receiver.port)

    assert isinstance(answer, Failed)
    assert inside.received == []


@every_channel
def test_a_secret_that_is_not_there_yet_is_waited_for(kind: str) -> None:
    secrets = Secrets({})
    channel = configure(kind, RIGS[kind].config(HOST, 1))
    network = OutboundClient(allow_private=True)

    for said in Kind:
        message = of_kind(said)
        answer = attempt(lambda: channel.send(message, network=network, resolve=secrets.resolve), secrets)  # noqa: B023
        assert answer == Retry("the secret env:S is not set")


@every_channel
def test_the_channel_knows_the_reference_only(kind: str) -> None:
    channel: Any = configure(kind, RIGS[kind].config(HOST, 1))

    assert SECRET not in repr(channel)
    assert SECRET not in json.dumps(dataclasses.asdict(channel))


@every_channel
def test_a_receipt_holds_no_secret(kind: str) -> None:
    with taking(kind) as server:
        answer = send(kind, server.port)
        assert isinstance(answer, Sent)
        assert SECRET not in answer.receipt


@every_channel
def test_a_channel_is_a_frozen_dataclass_that_explains_its_fields(kind: str) -> None:
    plugin: Any = kinds()[kind]

    assert plugin.__dataclass_params__.frozen
    assert plugin.name == kind
    for field in dataclasses.fields(plugin):
        assert field.metadata["help"], f"{kind}.{field.name} has no help"


def test_a_webhook_is_signed_as_standard_webhooks_ask_for() -> None:
    with taking("webhook") as server:
        assert isinstance(server, HttpReceiver)
        send("webhook", server.port)

    request = server.received[0]
    said = Verifier(SIGNING).verify(request.body, dict(request.headers))
    assert said["type"] == "alert.firing"
    assert request.headers["webhook-id"] == firing().id
