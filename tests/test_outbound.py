"""What goes out, where it may go, and what is said when it does not arrive."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import create_autospec

import pytest

from app.outbound import LARGEST_ANSWER, OutboundClient, OutboundError
from tests.receivers import HttpReceiver, Reply, closed_port, http_receiver, raw_receiver, server_certificate

SECRET_PATH = "/services/T00000/B00000/sEcReTtOkEn?key=hUnTeR2"


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with http_receiver() as receiver:
        yield receiver


@pytest.fixture
def client() -> OutboundClient:
    """One that may talk to this machine, and has little patience."""
    return OutboundClient(allow_private=True, timeout=1.0)


def post(client: OutboundClient, url: str) -> Any:
    return client.request("POST", url, body=b"{}", headers={"Content-Type": "application/json"})


def test_sends_and_answers(receiver: HttpReceiver, client: OutboundClient) -> None:
    receiver.reply = lambda _: Reply(429, b"slow down", {"Retry-After": "7"})

    answer = post(client, receiver.url("/hook?a=b"))

    assert (answer.status, answer.body, answer.headers["retry-after"]) == (429, b"slow down", "7")
    sent = receiver.received[0]
    assert (sent.path, sent.body) == ("/hook?a=b", b"{}")
    assert sent.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert sent.headers["content-type"] == "application/json"


def test_a_redirect_is_not_followed(receiver: HttpReceiver, client: OutboundClient) -> None:
    receiver.reply = lambda _: Reply(302, b"", {"Location": receiver.url("/elsewhere")})

    assert post(client, receiver.url()).status == 302
    assert [request.path for request in receiver.received] == ["/hook"]


def test_a_long_answer_is_cut(receiver: HttpReceiver, client: OutboundClient) -> None:
    receiver.reply = lambda _: Reply(body=b"x" * (LARGEST_ANSWER * 8))

    assert len(post(client, receiver.url()).body) == LARGEST_ANSWER


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(delay=5), id="silent"),
        pytest.param(Reply(body=b"x" * 1000, drip=0.05), id="a byte at a time"),
    ],
)
def test_a_slow_server_is_left_in_time(receiver: HttpReceiver, client: OutboundClient, reply: Reply) -> None:
    receiver.reply = lambda _: reply
    begun = time.monotonic()

    with pytest.raises(OutboundError, match="no complete answer within 1 s") as caught:
        post(client, receiver.url())

    assert time.monotonic() - begun < 2.5
    assert not caught.value.permanent


def test_slow_headers_are_left_in_time(client: OutboundClient) -> None:
    begun = time.monotonic()

    with raw_receiver(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100, pause=0.05) as port, pytest.raises(OutboundError):
        post(client, f"http://127.0.0.1:{port}/")

    assert time.monotonic() - begun < 2.5


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab", b"sEcReTtOkEn is not HTTP\r\n\r\n"]
)
def test_a_connection_that_breaks_off_is_worth_another_try(client: OutboundClient, said: bytes) -> None:
    with raw_receiver(said) as port, pytest.raises(OutboundError, match="broke off") as caught:
        post(client, f"http://127.0.0.1:{port}{SECRET_PATH}")

    assert not caught.value.permanent
    assert "sEcReT" not in str(caught.value)


def test_a_refused_connection_is_worth_another_try(client: OutboundClient) -> None:
    with pytest.raises(OutboundError, match=r"^http://127\.0\.0\.1:\d+: cannot connect: .*refused") as caught:
        post(client, f"http://127.0.0.1:{closed_port()}{SECRET_PATH}")

    assert not caught.value.permanent


def test_a_name_that_does_not_resolve_is_worth_another_try(client: OutboundClient) -> None:
    with pytest.raises(OutboundError, match=r"no-such-host\.invalid: the name cannot be resolved") as caught:
        post(client, "http://no-such-host.invalid/")

    assert not caught.value.permanent


def test_certificates_are_verified(client: OutboundClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tls, certificate = server_certificate(tmp_path)
    with http_receiver(tls) as receiver:
        with pytest.raises(OutboundError, match="certificate verify failed"):
            post(client, receiver.url())
        assert receiver.received == []

        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        trusting = OutboundClient(allow_private=True, timeout=5.0)

        assert post(trusting, receiver.url()).status == 200
        assert post(trusting, receiver.url().replace("127.0.0.1", "localhost")).status == 200


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("ftp://example.org/", "must begin with http"),
        ("example.org/hook", "must begin with http"),
        ("https:///hook", "name a host"),
        ("https://user:hunter2@example.org/", "user name or password"),
        ("https://example.org:99999/", "not a URL"),
        ("https://[::1/", "not a URL"),
        ("https://example.org/a b", "no URL may hold"),
        ("https://example.org/\r\nHost: evil", "no URL may hold"),
        ("xoxb-hunter2", "must begin with http"),
    ],
)
def test_what_is_no_web_address_is_refused_for_good(client: OutboundClient, url: str, complaint: str) -> None:
    with pytest.raises(OutboundError, match=complaint) as caught:
        post(client, url)

    assert caught.value.permanent
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("Authorization", "Bearer hunter2\r\nHost: evil", "Authorization holds what no header may"),
        ("X-Model", "pr\u00fcfung", "X-Model holds what no header may"),
        ("X-Model", " fraud", "X-Model holds what no header may"),
        ("X\r\nHost", "evil", "no name of a header"),
        ("content-length", "5", "set by the length of the body"),
        ("Transfer-Encoding", "chunked", "set by the length of the body"),
    ],
)
def test_a_header_that_cannot_be_sent_is_refused_for_good(
    client: OutboundClient, name: str, value: str, complaint: str
) -> None:
    with pytest.raises(OutboundError, match=complaint) as caught:
        client.request("POST", "https://example.org/", headers={name: value})

    assert caught.value.permanent
    assert "hunter2" not in str(caught.value)


PRIVATE = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "168.63.129.16",
    "192.0.0.192",
    "100.64.0.1",
    "100.100.100.200",
    "198.18.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "192.88.99.1",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",  # Teredo; the client's address is the inverted 127.0.0.1
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "2001:db8::1",
]


class Resolver:
    """The system's resolver, with one name of our own: what it resolves to, and how often that was asked."""

    def __init__(self) -> None:
        self.addresses: list[str] = []
        self.asked = 0
        self._real = socket.getaddrinfo

    def getaddrinfo(self, host: Any, port: Any, *args: Any, **more: Any) -> list[Any]:
        if host != "hook.example.org":
            return self._real(host, port, *args, **more)
        self.asked += 1
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in self.addresses]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    resolver = Resolver()
    fake = create_autospec(socket.getaddrinfo, side_effect=resolver.getaddrinfo)
    monkeypatch.setattr(socket, "getaddrinfo", fake)
    return resolver


@pytest.mark.parametrize("address", [*PRIVATE, "224.0.0.1", "ff02::1"])
def test_a_name_that_leads_inside_is_refused(resolver: Resolver, address: str) -> None:
    resolver.addresses = [address]

    with pytest.raises(OutboundError, match=r"is a (private|multicast) address and not reached") as caught:
        OutboundClient(allow_private=False).request("GET", "https://hook.example.org/x")

    assert caught.value.permanent


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"])
def test_a_public_address_is_allowed(resolver: Resolver, address: str) -> None:
    resolver.addresses = [address]

    assert OutboundClient(allow_private=False).addresses("hook.example.org", 443) == [address]


def test_one_address_inside_among_public_ones_is_enough_to_refuse(resolver: Resolver) -> None:
    resolver.addresses = ["93.184.216.34", "10.0.0.1"]

    with pytest.raises(OutboundError, match=r"hook\.example\.org resolves to 10\.0\.0\.1"):
        OutboundClient(allow_private=False).addresses("hook.example.org", 443)


def test_multicast_is_refused_even_where_private_targets_are_allowed(
    resolver: Resolver, client: OutboundClient
) -> None:
    resolver.addresses = ["224.0.0.1"]

    with pytest.raises(OutboundError, match="multicast"):
        client.addresses("hook.example.org", 443)


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::1]", "[::ffff:127.0.0.1]"]
)
def test_no_spelling_of_this_machine_is_reached(receiver: HttpReceiver, host: str) -> None:
    with pytest.raises(OutboundError, match="is a private address") as caught:
        post(OutboundClient(allow_private=False), f"http://{host}:{receiver.port}/")

    assert caught.value.permanent
    assert receiver.received == []


def test_the_checked_address_is_the_one_connected_to(receiver: HttpReceiver, resolver: Resolver) -> None:
    """DNS rebinding: a name that answers public at first and inside a moment later is asked once only."""
    resolver.addresses = ["127.0.0.1"]

    answer = post(OutboundClient(allow_private=True), f"http://hook.example.org:{receiver.port}/")

    assert answer.status == 200
    assert receiver.received[0].headers["host"] == f"hook.example.org:{receiver.port}"
    assert resolver.asked == 1


def test_the_next_address_is_tried_when_one_does_not_answer(receiver: HttpReceiver, resolver: Resolver) -> None:
    resolver.addresses = ["127.0.0.2", "127.0.0.1"]

    assert post(OutboundClient(allow_private=True), f"http://hook.example.org:{receiver.port}/").status == 200


def test_no_log_line_holds_the_path_of_an_address(
    receiver: HttpReceiver, client: OutboundClient, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor does one that holds what the other side said, who may quote it."""
    caplog.set_level(logging.DEBUG)
    receiver.reply = lambda request: Reply(302, request.path.encode(), {"Location": request.path})

    assert post(client, receiver.url(SECRET_PATH)).headers["location"] == SECRET_PATH

    assert "sEcReT" not in caplog.text
    assert "hUnTeR2" not in caplog.text
