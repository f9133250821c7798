"""Send what waits to be sent to the channels: at least once, in order, and no channel waits for another."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

from sqlalchemy import Engine

from app.core.delivery import Answer, Retry
from app.core.ports import Network
from app.outbound import OutboundClient
from app.services.channels import configure
from app.services.secrets import Secrets
from app.services.sending import SendSummary, attempt, counted, settle
from app.settings import Settings
from app.storage import channels, outbox
from app.storage.channels import StoredChannel
from app.storage.engine import read, write
from app.storage.outbox import ClaimedDelivery, SendState
from app.storage.tables import delivery

MOST_THREADS = 8
ROUND_SECONDS = 60.0
"""A round begins no further attempt after this, so that a claim is never older than the round and one attempt."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Round:
    engine: Engine
    now: datetime
    network: Network
    environment: Mapping[str, str]
    ends: float  # of the monotonic clock


def deliver(engine: Engine, now: datetime, settings: Settings, *, environment: Mapping[str, str]) -> SendSummary:
    """Send every due message. Several processes may do so at once.

    A message is marked only after its channel has accepted it: whoever dies in between leaves it to be sent again,
    under the same id. Nothing is sent inside a transaction.
    """
    with read(engine) as connection:
        due = outbox.channels_with_due_deliveries(connection, now)
    if not due:
        return SendSummary()
    network = OutboundClient(allow_private=settings.allow_private_targets)
    this_round = _Round(engine, now, network, environment, monotonic() + ROUND_SECONDS)
    with ThreadPoolExecutor(min(len(due), MOST_THREADS), "deliver") as pool:
        return sum(pool.map(lambda channel_id: _serve(this_round, channel_id), due), SendSummary())


def _serve(this_round: _Round, channel_id: int) -> SendSummary:
    """Send what is due to one channel, until it is done or the channel cannot take it now."""
    with read(this_round.engine) as connection:
        channel = channels.channel_by_id(connection, channel_id)
    summary = SendSummary()
    while channel is not None and monotonic() < this_round.ends:
        with write(this_round.engine) as connection:
            claimed = outbox.claim_delivery(connection, channel_id, this_round.now)
        if claimed is None:
            break
        answer = _send(this_round, channel, claimed)
        summary += counted(_settle(this_round, channel, claimed, answer))
        if isinstance(answer, Retry):
            break
    return summary


def _send(this_round: _Round, channel: StoredChannel, claimed: ClaimedDelivery) -> Answer:
    message = dataclasses.replace(claimed.message, id=f"{claimed.message.id}.{claimed.id}")
    secrets = Secrets(this_round.environment)
    return attempt(
        lambda: configure(channel.kind, channel.config).send(
            message, network=this_round.network, resolve=secrets.resolve
        ),
        secrets,
    )


def _settle(this_round: _Round, channel: StoredChannel, claimed: ClaimedDelivery, answer: Answer) -> SendState:
    with write(this_round.engine) as connection:
        state = settle(connection, delivery, claimed.id, claimed.attempts, answer, this_round.now)
        if isinstance(answer, Retry) and answer.after:
            outbox.hold_channel(connection, channel.id, this_round.now + answer.after)
    if state is not SendState.DELIVERED:
        level = logging.ERROR if state is SendState.DEAD else logging.WARNING
        text = "delivery %d to %s, attempt %d: %s"
        _log.log(level, text, claimed.id, channel.name, claimed.attempts, getattr(answer, "why", ""))
    return state
