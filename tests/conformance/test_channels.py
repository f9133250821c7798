"""What holds for every channel there is, and will be: it is found through the registry."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import Any

import pytest

from app.core.delivery import Answer, Failed, Retry, Sent
from app.core.messages import Message
from app.outbound import OutboundClient
from app.services.channels import configure, kinds
from app.services.secrets import Secrets
from app.services.sending import attempt
from tests.channels.messages import firing
from tests.receivers import Reply, closed_port, http_receiver, raw_receiver, smtp_receiver

SECRET = "hUnTeR2sEcReTtOkEn"
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")

Config = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Rig:
    """How to put one kind of channel before a server: a configuration for a port, and the secret behind `env:S`."""

    config: Callable[[int], Config]
    secret: Callable[[int], str]
    taking: Callable[[], AbstractContextManager[int]]
    """A server that takes the message; its port."""


@contextmanager
def _taking_http() -> Iterator[int]:
    with http_receiver() as receiver:
        yield receiver.port


@contextmanager
def _taking_smtp() -> Iterator[int]:
    with smtp_receiver(password=SECRET) as receiver:
        yield receiver.port


MAIL = {"host": "127.0.0.1", "sender": "w@example.org", "recipients": "a@example.org", "tls": "none"}
RIGS: Mapping[str, Rig] = {
    "slack": Rig(
        lambda _: {"url": "env:S"}, lambda port: f"http://127.0.0.1:{port}/services/T0/{SECRET}", _taking_http
    ),
    "email": Rig(
        lambda port: {**MAIL, "port": port, "username": "w", "password": "env:S"}, lambda _: SECRET, _taking_smtp
    ),
}
OVER_HTTP = ["slack"]


def test_every_channel_has_a_rig() -> None:
    assert RIGS.keys() == kinds().keys()


every_channel = pytest.mark.parametrize("kind", sorted(RIGS))
every_http_channel = pytest.mark.parametrize("kind", OVER_HTTP)


def send(kind: str, port: int, message: Message | None = None, *, allow_private: bool = True) -> Answer:
    rig = RIGS[kind]
    secrets = Secrets({"S": rig.secret(port)})
    network = OutboundClient(allow_private=allow_private, timeout=2)
    channel = configure(kind, rig.config(port))
    return attempt(lambda: channel.send(message or firing(), network=network, resolve=secrets.resolve), secrets)


def words(answer: Answer) -> str:
    return answer.note if isinstance(answer, Sent) else answer.why


@every_channel
def test_a_server_that_takes_it_means_sent(kind: str) -> None:
    with RIGS[kind].taking() as port:
        assert send(kind, port) == Sent()


@every_channel
def test_a_message_with_500_lines_is_sent(kind: str) -> None:
    with RIGS[kind].taking() as port:
        assert send(kind, port, firing(500, "long " * 50, more=7)) == Sent()


@every_http_channel
@pytest.mark.parametrize("status", [201, 301, 302, 400, 401, 403, 404, 408, 410, 413, 425, 429, 500, 502, 503, 504])
def test_every_http_status_is_judged_alike_and_no_secret_is_repeated(
    kind: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with http_receiver() as receiver:
        # A server that repeats what it was sent, wherever it can.
        receiver.reply = lambda request: Reply(
            status, request.path.encode(), {"Location": request.path, "X-Error": request.path}
        )
        answer = send(kind, receiver.port)

    assert isinstance(answer, Failed if status in {301, 302, 400, 401, 403, 404, 410, 413} else Retry)
    assert SECRET not in words(answer)
    assert SECRET not in "".join(record.getMessage() for record in caplog.records if record.name.startswith("app"))


@every_http_channel
def test_a_wish_to_wait_is_honoured(kind: str) -> None:
    with http_receiver() as receiver:
        receiver.reply = lambda _: Reply(429, b"", {"Retry-After": "77"})
        answer = send(kind, receiver.port)

    assert isinstance(answer, Retry)
    assert answer.after == timedelta(seconds=77)


@every_channel
@pytest.mark.parametrize("said", [b"", SECRET.encode() + b" is neither HTTP nor SMTP\r\n\r\n"])
def test_a_server_that_speaks_something_else_is_tried_again(kind: str, said: bytes) -> None:
    with raw_receiver(said) as port:
        answer = send(kind, port)

    assert isinstance(answer, Retry)
    assert SECRET not in words(answer)


@every_channel
def test_a_server_that_is_gone_is_tried_again(kind: str) -> None:
    answer = send(kind, closed_port())

    assert isinstance(answer, Retry)
    assert "refused" in words(answer)
    assert SECRET not in words(answer)


@every_channel
def test_a_private_target_is_refused_for_good(kind: str) -> None:
    with RIGS[kind].taking() as port:
        answer = send(kind, port, allow_private=False)

    assert isinstance(answer, Failed)
    assert "is a private address" in answer.why
    assert SECRET not in answer.why


@every_channel
def test_a_secret_that_is_not_there_yet_is_waited_for(kind: str) -> None:
    secrets = Secrets({})
    channel = configure(kind, RIGS[kind].config(1))
    network = OutboundClient(allow_private=True)

    answer = attempt(lambda: channel.send(firing(), network=network, resolve=secrets.resolve), secrets)

    assert answer == Retry("the secret env:S is not set")


@every_channel
def test_the_channel_knows_the_reference_only(kind: str) -> None:
    channel: Any = configure(kind, RIGS[kind].config(1))

    assert SECRET not in repr(channel)
    assert SECRET not in json.dumps(dataclasses.asdict(channel))


@every_channel
def test_a_channel_is_a_frozen_dataclass_that_explains_its_fields(kind: str) -> None:
    plugin: Any = kinds()[kind]

    assert plugin.__dataclass_params__.frozen
    assert plugin.name == kind
    for field in dataclasses.fields(plugin):
        assert field.metadata["help"], f"{kind}.{field.name} has no help"
