"""A signed request with the message as JSON."""

from __future__ import annotations

import json

import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from app.channels.webhook import Webhook, content
from app.core.delivery import Retry, Sent
from app.core.messages import Kind
from tests.channels.messages import firing
from tests.channels.sending import of_kind, send
from tests.receivers import http_receiver

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.mark.parametrize(
    ("kind", "event"),
    [
        (Kind.FIRING, "alert.firing"),
        (Kind.REPEATED, "alert.repeated"),
        (Kind.ESCALATED, "alert.escalated"),
        (Kind.ACKNOWLEDGED, "alert.acknowledged"),
        (Kind.RESOLVED, "alert.resolved"),
        (Kind.NEWS, "watchkeeper.news"),
        (Kind.DIGEST, "watchkeeper.digest"),
    ],
)
def test_a_library_of_the_standard_reads_it(kind: Kind, event: str) -> None:
    with http_receiver() as receiver:
        assert send(Webhook(url=receiver.url(), secret="env:S"), of_kind(kind), secret=SECRET) == Sent()

    (request,) = receiver.received
    said = Verifier(SECRET).verify(request.body, dict(request.headers))
    assert said == json.loads(json.dumps(content(of_kind(kind))))
    assert (said["type"], said["timestamp"]) == (event, "2026-03-02T00:01:00Z")
    assert said["data"]["window"] == {"start": "2026-03-01T00:00:00Z", "end": "2026-03-02T00:00:00Z"}
    assert said["data"]["lines"][0]["value"] == 0.31
    with pytest.raises(WebhookVerificationError):
        Verifier("whsec_" + "A" * 32).verify(request.body, dict(request.headers))


def test_numbers_that_json_cannot_carry_are_words() -> None:
    line = type(firing().lines[0])("x", "", float("nan"), float("inf"), "", "")

    said = json.dumps(content(of_kind(Kind.FIRING, lines=(line,))), allow_nan=False)

    assert '"NaN"' in said
    assert '"Infinity"' in said


def test_a_secret_of_another_form_is_waited_for_and_not_repeated() -> None:
    answer = send(Webhook(url="https://hooks.example.org/x", secret="env:S"), secret="hunter2")

    assert answer == Retry("the secret env:S must be whsec_ followed by the key in base64")
