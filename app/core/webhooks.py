"""Standard Webhooks: the headers by which a receiver knows who sent a request, that it is whole, and that it is new.

Source: the specification at https://www.standardwebhooks.com, symmetric signatures (`v1`).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

_PREFIX = "whsec_"
TOLERANCE = timedelta(minutes=5)
"""How old a signature may be, or how far ahead of us the clock that made it."""


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
    signature = _signature(key, webhook_id, timestamp, body)
    return {"webhook-id": webhook_id, "webhook-timestamp": timestamp, "webhook-signature": f"v1,{signature}"}


def is_signed(key: bytes, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
    """Whether one of the signatures is the key's, and new; names of headers in lower case."""
    webhook_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not webhook_id or not re.fullmatch(r"[0-9]{1,12}", timestamp):
        return False
    if abs(now.timestamp() - int(timestamp)) > TOLERANCE.total_seconds():
        return False
    expected = f"v1,{_signature(key, webhook_id, timestamp, body)}".encode()
    given = headers.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(one.encode(errors="replace"), expected) for one in given)


def _signature(key: bytes, webhook_id: str, timestamp: str, body: bytes) -> str:
    content = b".".join((webhook_id.encode(errors="replace"), timestamp.encode(), body))
    return base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()


def envelope(type_: str, at: datetime, data: Mapping[str, Any]) -> str:
    """The body of a webhook: what happened, when, and its data."""
    return msgspec.json.encode({"type": type_, "timestamp": at.astimezone(UTC), "data": data}).decode()
