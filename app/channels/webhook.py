"""Any receiver of signed requests: Standard Webhooks, whose libraries verify what comes.

Source: https://www.standardwebhooks.com.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar

from app.core import messages
from app.core.delivery import JSON, Answer, Retry, Traits, judge
from app.core.messages import Kind, Message
from app.core.ports import Network, Resolve
from app.core.webhooks import signed_headers, signing_key
from app.outbound import check_address


@dataclass(frozen=True, slots=True)
class Webhook:
    """A server of your own, or an automation service."""

    name: ClassVar[str] = "webhook"
    traits: ClassVar[Traits] = Traits()

    url: str = field(metadata={"help": "address that the request goes to"})
    secret: str = field(metadata={"secret": True, "help": "signing secret: whsec_ and the key in base64"})

    def __post_init__(self) -> None:
        check_address("url", self.url)

    def send(self, message: Message, *, network: Network, resolve: Resolve, thread: str = "") -> Answer:
        """Send the message, signed now, under the id that it has at every attempt."""
        try:
            key = signing_key(resolve(self.secret))
        except ValueError as error:
            return Retry(f"the secret {self.secret} {error}")
        body = json.dumps(content(message)).encode()
        # The wall clock: receivers refuse what was signed minutes ago, against replays.
        signed = signed_headers(key, message.id, datetime.now(UTC), body)
        return judge(network.request("POST", self.url, body=body, headers={**JSON, **signed}))


PLUGIN = Webhook


def content(message: Message) -> dict[str, Any]:
    """The body: what kind of event, when, and the message's own fields."""
    stored = messages.to_json(message)
    prefix = "watchkeeper" if message.kind in {Kind.DIGEST, Kind.NEWS} else "alert"
    data = {name: value for name, value in stored.items() if name not in {"id", "kind", "at"}}
    return {"type": f"{prefix}.{message.kind}", "timestamp": stored["at"], "data": data}
