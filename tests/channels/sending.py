"""To send through one channel to a server on this machine."""

from __future__ import annotations

import dataclasses
from typing import Any

from app.core.delivery import Answer
from app.core.messages import Kind, Message
from app.core.ports import Channel
from app.outbound import OutboundClient
from tests.channels.messages import firing


def send(channel: Channel, message: Message | None = None, *, secret: str = "hunter2", thread: str = "") -> Answer:
    """What became of the message; every secret of the channel is `secret`."""
    network = OutboundClient(allow_private=True, timeout=2)
    return channel.send(message or firing(), network=network, resolve=lambda _: secret, thread=thread)


def of_kind(kind: Kind, **more: Any) -> Message:
    return dataclasses.replace(firing(), kind=kind, **more)
