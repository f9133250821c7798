"""Signatures, against the library of the specification's authors."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from app.core.webhooks import TOLERANCE, is_signed, signed_headers, signing_key

SECRET = "whsec_" + base64.b64encode(bytes(range(24))).decode()


@given(st.dictionaries(st.text(), st.text()), st.from_regex(r"\Amsg_[0-9a-f]{32}\Z"))
def test_the_reference_library_accepts_what_we_sign(data: dict[str, str], webhook_id: str) -> None:
    body = json.dumps(data).encode()
    headers = signed_headers(signing_key(SECRET), webhook_id, datetime.now(UTC), body)

    assert Webhook(SECRET).verify(body, headers) == data


def test_the_reference_library_refuses_what_was_changed() -> None:
    headers = signed_headers(signing_key(SECRET), "msg_1", datetime.now(UTC), b'{"a":1}')

    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(b'{"a":2}', headers)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_not base64", "c2VjcmV0", "whsec_ä"])
def test_a_wrong_secret_is_not_repeated(secret: str) -> None:
    with pytest.raises(ValueError, match="must be whsec_ followed by the key in base64") as caught:
        signing_key(secret)

    assert not secret or secret == "whsec_" or secret not in str(caught.value)


def test_what_the_reference_library_signs_is_accepted_whole_and_new_only() -> None:
    now, body = datetime.now(UTC).replace(microsecond=0), b'{"state": "running"}'
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": "v1,b2xk " + Webhook(SECRET).sign("msg_1", now, body.decode()),
    }
    key = signing_key(SECRET)

    assert is_signed(key, headers, body, now + TOLERANCE)
    assert is_signed(key, headers, body, now - TOLERANCE)
    assert not is_signed(key, headers, body, now + TOLERANCE + timedelta(seconds=1))
    assert not is_signed(key, headers, body + b" ", now)
    assert not is_signed(key, {**headers, "webhook-id": "msg_2"}, body, now)
    assert not is_signed(signing_key("whsec_b3RoZXI="), headers, body, now)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
@pytest.mark.parametrize("value", ["", "\xe4", "-1", "9" * 40, "v1,"])
def test_headers_that_are_none_of_a_signature_are_refused(name: str, value: str) -> None:
    now = datetime.now(UTC)
    headers = {**signed_headers(signing_key(SECRET), "msg_1", now, b"{}"), name: value}

    assert not is_signed(signing_key(SECRET), headers, b"{}", now)
