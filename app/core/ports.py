"""What the application asks of its plugins and of the network, where there is more than one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Protocol, TypeAlias

from app.core.delivery import Answer, HttpAnswer, Traits
from app.core.messages import Message

Resolve: TypeAlias = Callable[[str], str]
"""From the reference of a secret (`env:NAME`, `file:PATH`) to the secret."""


class Network(Protocol):
    """The guarded way out; see `app.outbound`."""

    @property
    def allow_private(self) -> bool:
        """Whether addresses beyond the public internet may be reached."""

    def request(
        self, method: str, url: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> HttpAnswer:
        """Send one request, follow nothing. Raises `app.outbound.OutboundError`; any HTTP status is an answer."""

    def addresses(self, host: str, port: int) -> Sequence[str]:
        """The addresses of `host` that may be connected to, in order. Raises `app.outbound.OutboundError`."""


class Channel(Protocol):
    """A way to tell people: a frozen dataclass whose fields are its configuration.

    Each field's metadata may hold `help` (one sentence) and `secret` (True: the field holds a reference to the secret,
    never the secret). Wrong values raise `app.core.errors.InvalidError` when the channel is made.
    """

    name: ClassVar[str]
    """The kind of channel, which is the name of its module."""

    traits: ClassVar[Traits]
    """What its service asks of those who send to it."""

    def send(self, message: Message, *, network: Network, resolve: Resolve, thread: str = "") -> Answer:
        """Send the message once. Returns after the other side has answered.

        `thread` is the receipt of the newest message of the same thread that this channel has taken; empty when there
        is none, or when it came without one.
        Errors of `network` and `resolve` pass through. No text that is returned holds a secret.
        """
