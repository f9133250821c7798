"""Standard Webhooks: the headers by which a receiver knows who sent a request, that it is whole, and that it is new.

Source: the specification at https://www.standardwebhooks.com, symmetric signatures (`v1`).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

_PREFIX = "whsec_"


def signing_key(secret: str) -> bytes:
    """The key in `whsec_<base64>`. Raises ValueError, which does not repeat the secret."""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError:  # what is no base64, or not even ASCII
        key = b""
    if not secret.startswith(_PREFIX) or not key:
        raise ValueError("must be whsec_ followed by the key in base64")
    return key


def signed_headers(key: bytes, webhook_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers of one attempt: the id is the same for every attempt, the time is this attempt's."""
    timestamp = str(int(at.timestamp()))
    content = b".".join((webhook_id.encode(), timestamp.encode(), body))
    signature = base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
    return {"webhook-id": webhook_id, "webhook-timestamp": timestamp, "webhook-signature": f"v1,{signature}"}


def envelope(type_: str, at: datetime, data: Mapping[str, Any]) -> str:
    """The body of a webhook: what happened, when, and its data."""
    return msgspec.json.encode({"type": type_, "timestamp": at.astimezone(UTC), "data": data}).decode()
