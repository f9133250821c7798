"""Mail to a real SMTP server: its form, its safety, and what the server's answers mean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.channels import email
from app.channels.email import Email, addresses_of
from app.core.delivery import Answer, Failed, Retry, Sent
from app.core.errors import InvalidError
from app.core.messages import Line, Message
from app.outbound import OutboundClient
from tests.channels.messages import firing
from tests.receivers import SmtpReceiver, closed_port, raw_receiver, server_certificate, smtp_receiver

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")


@pytest.fixture
def receiver() -> Iterator[SmtpReceiver]:
    with smtp_receiver() as receiver:
        yield receiver


def channel(port: int, **more: Any) -> Email:
    values = {"sender": "Watch <watch@example.org>", "recipients": "a@example.org, Bea <b@example.org>", **more}
    return Email(host="127.0.0.1", port=port, **values)


def send(sender: Email, message: Message | None = None, password: str = "hunter2") -> Answer:
    network = OutboundClient(allow_private=True)
    return sender.send(message or firing(), network=network, resolve=lambda _: password)


def test_a_mail_arrives(receiver: SmtpReceiver) -> None:
    assert send(channel(receiver.port)) == Sent()

    mail = receiver.mails[0]
    assert receiver.envelopes == [("watch@example.org", ["a@example.org", "b@example.org"])]
    assert mail["subject"] == firing().title
    assert mail["from"] == "Watch <watch@example.org>"
    assert mail["to"] == "a@example.org, Bea <b@example.org>"
    assert mail["message-id"] == "<0a1b2c.7@example.org>"
    assert mail["references"] == "<feedbeef@example.org>"
    assert mail["auto-submitted"] == "auto-generated"
    assert mail["date"].datetime == firing().at


def test_text_and_html_say_the_same(receiver: SmtpReceiver) -> None:
    send(channel(receiver.port), firing(lines=1, more=3))

    mail = receiver.mails[0]
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().splitlines() == [
        firing().title,
        "",
        "- feature_0: 0.31, limit 0.1 (normed Wasserstein); above its limit",
        "and 3 more",
        "",
        "In breach since: 2026-03-01 00:00 UTC",
        "Window: 2026-03-01 00:00 UTC to 2026-03-02 00:00 UTC",
        "Expected false breaches: 0.003 per window and subject",
        "",
        "What to do: Compare the pipelines.",
        "",
        firing().link,
    ]
    for part in (
        "feature_0",
        "and 3 more",
        "2026-03-02 00:00 UTC",
        "Compare the pipelines.",
        "model=delay&amp;version",
    ):
        assert part in html.get_content()


def test_names_cannot_forge_headers_or_html(receiver: SmtpReceiver) -> None:
    evil = Line("<script>alert(1)</script>", "", 1.0, 0.5, "", "</body>")
    message = replace(firing(), title="x\r\nBcc: victim@example.org\x00", lines=(evil,), advice="<b>", link='"><i>')

    assert send(channel(receiver.port), message) == Sent()

    mail = receiver.mails[0]
    html = mail.get_body(("html",))
    assert mail["bcc"] is None
    assert mail["subject"] == "x Bcc: victim@example.org"
    assert html is not None
    for forged in ("<script>", "</body>;", "<b><", '"><i>'):
        assert forged not in html.get_content()


def test_starttls_is_used_where_it_is_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tls, certificate = server_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with smtp_receiver(starttls=tls, password="hunter2") as receiver:
        for mode in ("auto", "starttls"):
            sender = channel(receiver.port, tls=mode, username="watch", password="env:P")
            assert send(replace(sender, host="localhost")) == Sent()

    assert receiver.logins == [("watch", "hunter2")] * 2
    assert len(receiver.mails) == 2


def test_tls_from_the_first_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tls, certificate = server_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with smtp_receiver(tls=tls) as receiver:
        assert send(channel(receiver.port, tls="ssl")) == Sent()


def test_an_unknown_certificate_is_not_accepted(tmp_path: Path) -> None:
    tls, _ = server_certificate(tmp_path)
    with smtp_receiver(starttls=tls) as receiver:
        answer = send(channel(receiver.port))

    assert isinstance(answer, Retry)
    assert "certificate is not accepted" in answer.why
    assert receiver.mails == []


def test_without_starttls_nothing_is_sent_in_plain(receiver: SmtpReceiver) -> None:
    answer = send(channel(receiver.port, tls="starttls"))

    assert isinstance(answer, Failed)
    assert "offers no STARTTLS" in answer.why
    assert receiver.mails == []


def test_a_server_elsewhere_gets_nothing_in_plain_unless_told(
    receiver: SmtpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(email, "_is_this_machine", lambda smtp: False)

    assert isinstance(send(channel(receiver.port)), Failed)
    assert send(channel(receiver.port, tls="none")) == Sent()


def test_a_login_that_is_refused_does_not_quote_the_password() -> None:
    with smtp_receiver(password="correct") as receiver:
        answer = send(channel(receiver.port, tls="none", username="watch", password="env:P"), password="hunter2")

    assert isinstance(answer, Failed)
    assert answer.why.endswith("SMTP 535 the login was refused")
    assert ("watch", "hunter2") in receiver.logins


@pytest.mark.parametrize(("said", "kind"), [("451 try later", Retry), ("552 mailbox full", Failed)])
def test_the_servers_verdict_on_the_mail(receiver: SmtpReceiver, said: str, kind: type[Answer]) -> None:
    receiver.to_mail = said

    answer = send(channel(receiver.port))

    assert isinstance(answer, kind)
    assert isinstance(answer, Retry | Failed)
    assert said in answer.why


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ({"a": "550 no such user", "b": "550 no such user"}, Failed),
        ({"a": "550 no such user", "b": "450 greylisted"}, Retry),
    ],
)
def test_no_recipient_is_accepted(receiver: SmtpReceiver, said: dict[str, str], kind: type[Answer]) -> None:
    receiver.to_recipient = lambda address: said[address[0]]

    assert isinstance(send(channel(receiver.port)), kind)


def test_one_wrong_recipient_does_not_keep_the_mail_from_the_others(receiver: SmtpReceiver) -> None:
    receiver.to_recipient = lambda address: "550 no such user" if address == "b@example.org" else "250 OK"

    assert send(channel(receiver.port)) == Sent("some recipients were refused: b@example.org (SMTP 550 no such user)")
    assert receiver.envelopes == [("watch@example.org", ["a@example.org"])]


def test_nobody_listens() -> None:
    answer = send(channel(closed_port()))

    assert isinstance(answer, Retry)
    assert "Connection refused" in answer.why


@pytest.mark.parametrize(
    ("said", "kind"),
    [(b"421 busy\r\n", Retry), (b"554 go away\r\n", Failed), (b"", Retry), (b"HTTP/1.1 200 OK\r\n", Retry)],
)
def test_the_greeting_counts(said: bytes, kind: type[Answer]) -> None:
    with raw_receiver(said) as port:
        assert isinstance(send(channel(port)), kind)


@pytest.mark.parametrize("pause", [0.05, 30])
def test_a_slow_server_is_left_in_time(monkeypatch: pytest.MonkeyPatch, pause: float) -> None:
    monkeypatch.setattr(email, "LONGEST_CONVERSATION_SECONDS", 0.5)
    monkeypatch.setattr(email, "TIMEOUT_SECONDS", 1.0)

    with raw_receiver(b"220 " + b"x" * 4000, pause=pause) as port:
        assert isinstance(send(channel(port)), Retry)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"host": ""}, "host"),
        ({"host": "a b"}, "host"),
        ({"port": 0}, "port"),
        ({"port": 70000}, "port"),
        ({"tls": "maybe"}, "tls"),
        ({"username": "watch"}, "username"),
        ({"sender": "nobody"}, "sender"),
        ({"sender": "a@example.org, b@example.org"}, "sender"),
        ({"recipients": ""}, "recipients"),
        ({"recipients": "a@example.org, nonsense"}, "recipients"),
    ],
)
def test_wrong_configurations_name_the_field(wrong: dict[str, Any], field: str) -> None:
    right = {"host": "mail.example.org", "sender": "a@example.org", "recipients": "b@example.org"}

    with pytest.raises(InvalidError) as caught:
        Email(**{**right, **wrong})

    assert caught.value.field == field


@pytest.mark.parametrize("text", ["", "a", "a@", "@b", "a@b c", "a@b\r\nBcc: c@d", "ä@example.org", "a@b, ,c"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(InvalidError):
        addresses_of("recipients", text)
