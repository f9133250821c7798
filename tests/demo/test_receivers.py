"""The stand-ins on this machine take what is meant for them, and only signed requests."""

from __future__ import annotations

import base64
import json
import smtplib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest
from standardwebhooks import Webhook

from app.demo import receivers
from app.demo.errors import DemoError
from app.demo.receivers import Ports, newest, receiving

SECRET = "whsec_" + base64.b64encode(b"a key of the tests, 24 b").decode()


@pytest.fixture
def taken() -> list[tuple[str, bytes]]:
    """What was handed on, with its id."""
    return []


@pytest.fixture
def ports(tmp_path: Path, taken: list[tuple[str, bytes]]) -> Iterator[Ports]:
    ports = Ports.free()
    with receiving(tmp_path, ports, SECRET, lambda run, body: taken.append((run, body))):
        yield ports


def signed(body: str, secret: str = SECRET, age: timedelta = timedelta(0)) -> dict[str, str]:
    """Headers made by the reference library."""
    now = datetime.now(UTC) - age
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", now, body),
    }


def test_slack_messages_are_kept_in_order_and_answered_as_slack_does(ports: Ports, tmp_path: Path) -> None:
    for text in ("one", "two"):
        answer = httpx.post(f"http://127.0.0.1:{ports.http}/slack", json={"text": text})
        assert (answer.status_code, answer.text) == (200, "ok")
    last = newest(tmp_path, receivers.SLACK)
    assert last is not None
    assert json.loads(last.read_bytes()) == {"text": "two"}
    assert len(list(tmp_path.glob(receivers.SLACK))) == 2


def test_mail_is_kept(ports: Ports, tmp_path: Path) -> None:
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = "skew", "a@example.org", "b@example.org"
    mail.set_content("four features")
    with smtplib.SMTP("127.0.0.1", ports.smtp) as client:
        client.send_message(mail)
    kept = newest(tmp_path, receivers.EMAIL)
    assert kept is not None
    assert message_from_bytes(kept.read_bytes())["Subject"] == "skew"


def test_a_request_signed_by_the_reference_library_is_kept_and_handed_on(
    ports: Ports, tmp_path: Path, taken: list[tuple[str, bytes]]
) -> None:
    body = '{"type": "model.retrain_requested"}'
    answer = httpx.post(f"http://127.0.0.1:{ports.http}/retraining", content=body, headers=signed(body))
    assert answer.status_code == 204
    kept = newest(tmp_path, receivers.RETRAINING)
    assert kept is not None
    assert kept.read_text() == body
    assert "webhook-id: msg_1" in kept.with_suffix(".headers").read_text()
    assert taken == [("msg_1", body.encode())]


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="without a signature"),
        pytest.param(signed("{}", "whsec_" + base64.b64encode(b"another key").decode()), id="with another key"),
        pytest.param(signed('{"type": "something else"}'), id="with another body's signature"),
        pytest.param(signed("{}", age=timedelta(minutes=6)), id="minutes old"),
    ],
)
def test_a_request_is_refused(
    ports: Ports, tmp_path: Path, taken: list[tuple[str, bytes]], headers: dict[str, str]
) -> None:
    answer = httpx.post(f"http://127.0.0.1:{ports.http}/retraining", content="{}", headers=headers)
    assert answer.status_code == 401
    assert newest(tmp_path, receivers.RETRAINING) is None
    assert taken == []


def nobody(_run: str, _body: bytes) -> None:
    pytest.fail("nothing was sent")


@pytest.mark.parametrize("which", ["http", "smtp"])
def test_a_taken_port_is_named(ports: Ports, tmp_path: Path, which: str) -> None:
    free = Ports.free()
    wanted = Ports(ports.http, free.smtp) if which == "http" else Ports(free.http, ports.smtp)
    with pytest.raises(DemoError, match=str(getattr(ports, which))), receiving(tmp_path, wanted, SECRET, nobody):
        pytest.fail("listening on a port that is taken")


def test_nothing_else_is_there(ports: Ports) -> None:
    assert httpx.post(f"http://127.0.0.1:{ports.http}/other").status_code == 404
