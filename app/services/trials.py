"""To try a channel out: a real message through it, and what the other side said to it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import Engine

from app.core.delivery import Answer, HttpAnswer, Sent
from app.core.messages import Kind, Line, Message
from app.core.plain_text import one_line
from app.core.ports import Network
from app.core.severity import Severity
from app.outbound import OutboundClient
from app.services.channels import configure, traits_of
from app.services.secrets import Secrets
from app.services.sending import attempt
from app.settings import Settings
from app.storage import channels
from app.storage.channels import StoredChannel
from app.storage.engine import read

LONGEST_EXCERPT = 300


@dataclass(frozen=True, slots=True)
class Trial:
    """One message, what became of it, and what was answered over HTTP: the last status, and the begin of its body.

    No secret is in `body`. `status` is None when nothing was answered, or not over our own HTTP.
    """

    kind: Kind
    answer: Answer
    status: int | None
    body: str


class _Overhearing:
    """A network that keeps the last answer that came over it."""

    def __init__(self, network: OutboundClient) -> None:
        self._network = network
        self.answer: HttpAnswer | None = None

    @property
    def allow_private(self) -> bool:
        return self._network.allow_private

    def request(
        self, method: str, url: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> HttpAnswer:
        self.answer = self._network.request(method, url, body=body, headers=headers)
        return self.answer

    def addresses(self, host: str, port: int) -> Sequence[str]:
        return self._network.addresses(host, port)


def try_channel(
    engine: Engine, now: datetime, settings: Settings, name: str, *, environment: Mapping[str, str]
) -> list[Trial]:
    """Send a message through the channel at once, and what each was answered; the first that is not taken is the last.

    Where an incident would stay open, an alert of the lowest severity comes first, and then its end.
    Raises NotFoundError.
    """
    with read(engine) as connection:
        stored = channels.find_channel(connection, name)
    client, secrets = OutboundClient(allow_private=settings.allow_private_targets), Secrets(environment)
    trials: list[Trial] = []
    thread, receipt = uuid.uuid4().hex, ""
    for kind in (Kind.FIRING, Kind.RESOLVED) if traits_of(stored.kind).keeps_open else (Kind.NEWS,):
        network = _Overhearing(client)
        message = _message(name, kind, thread, now)
        answer = attempt(partial(_send, stored, message, network, secrets, receipt), secrets)
        trials.append(_trial(kind, answer, network.answer, secrets))
        if not isinstance(answer, Sent):
            break
        receipt = answer.receipt
    return trials


def _send(stored: StoredChannel, message: Message, network: Network, secrets: Secrets, receipt: str) -> Answer:
    channel = configure(stored.kind, stored.config)
    return channel.send(message, network=network, resolve=secrets.resolve, thread=receipt)


def _trial(kind: Kind, answer: Answer, http: HttpAnswer | None, secrets: Secrets) -> Trial:
    if http is None:
        return Trial(kind, answer, None, "")
    # Secrets go first: of one that the cut goes through, a part would be left.
    body = one_line(secrets.redact(http.body.decode("utf-8", "replace")), LONGEST_EXCERPT)
    return Trial(kind, answer, http.status, body)


def _message(name: str, kind: Kind, thread: str, now: datetime) -> Message:
    said = Line("", "", None, None, "", "Alerts will arrive here. Nothing is wrong: somebody tried the channel out.")
    return Message(
        id=uuid.uuid4().hex,
        thread=thread,
        kind=kind,
        severity=Severity.INFO,
        title=f"Watchkeeper: a test of the channel {name}" + (", which is over" if kind is Kind.RESOLVED else ""),
        model="",
        version="",
        check="",
        at=now,
        since=None,
        window=None,
        lines=(said,),
    )
