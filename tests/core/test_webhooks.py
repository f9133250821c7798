"""Signatures, against the library of the specification's authors."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from app.core.webhooks import signed_headers, signing_key

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
