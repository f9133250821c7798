"""Send what waits to be sent to the channels: at least once, in order, and no channel waits for another."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from time import monotonic, sleep

from sqlalchemy import Engine

from app.core.delivery import Answer, Retry, Sent, Traits
from app.core.ports import Network
from app.outbound import OutboundClient
from app.services.channels import configure, traits_of
from app.services.secrets import Secrets
from app.services.sending import SendSummary, attempt, counted, settle
from app.settings import Settings
from app.storage import channels, outbox, standing
from app.storage.channels import StoredChannel
from app.storage.engine import read, write
from app.storage.outbox import ClaimedDelivery, SendState
from app.storage.tables import delivery

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
    spaced: bool


def deliver(
    engine: Engine, now: datetime, settings: Settings, *, environment: Mapping[str, str], spaced: bool = True
) -> SendSummary:
    """Send every due message, and tell channels again what still stands. Several processes may do so at once.

    A message is marked only after its channel has accepted it: whoever dies in between leaves it to be sent again,
    under the same id. Nothing is sent inside a transaction. To each channel messages go at its service's pace; not
    `spaced`: as fast as they can.
    """
    with read(engine) as connection:
        due = outbox.channels_with_due_deliveries(connection, now)
        due = sorted({*due, *standing.channels_to_tell_again(connection, now)})
    if not due:
        return SendSummary()
    network = OutboundClient(allow_private=settings.allow_private_targets)
    this_round = _Round(engine, now, network, environment, monotonic() + ROUND_SECONDS, spaced)
    # A thread for each: one channel waits for its own other side, or for its own turn, and for no other channel.
    with ThreadPoolExecutor(len(due), "deliver") as pool:
        return sum(pool.map(lambda channel_id: _serve(this_round, channel_id), due), SendSummary())


def _serve(this_round: _Round, channel_id: int) -> SendSummary:
    """Send what is due to one channel, until it is done or the channel cannot take it now."""
    with read(this_round.engine) as connection:
        channel = channels.channel_by_id(connection, channel_id)
    summary = SendSummary()
    if channel is None or channel.off:
        return summary
    traits = traits_of(channel.kind)
    for claimed, again in _claims(this_round, channel_id, traits):
        answer = _send(this_round, channel, claimed)
        if again:
            _settle_again(this_round, channel, claimed, answer)
        else:
            summary += counted(_settle(this_round, channel, claimed, answer, traits))
        if isinstance(answer, Retry):
            break
    return summary


def _claims(this_round: _Round, channel_id: int, traits: Traits) -> Iterator[tuple[ClaimedDelivery, bool]]:
    """What is to be sent to the channel, each in its turn, and whether it has been told before."""
    turn, spacing = 0.0, traits.spacing.total_seconds() if this_round.spaced else 0.0
    while monotonic() < this_round.ends:
        with write(this_round.engine) as connection:
            claimed = outbox.claim_delivery(connection, channel_id, this_round.now)
            again = claimed is None
            if traits.resend and again:
                claimed = standing.claim_standing(connection, channel_id, this_round.now, traits.resend)
        if claimed is None:
            return
        sleep(max(0.0, turn - monotonic()))
        yield claimed, again
        turn = monotonic() + spacing
    sleep(max(0.0, turn - monotonic()))  # the next round may follow at once


def _send(this_round: _Round, channel: StoredChannel, claimed: ClaimedDelivery) -> Answer:
    message = dataclasses.replace(claimed.message, id=f"{claimed.message.id}.{claimed.id}")
    secrets = Secrets(this_round.environment)
    return attempt(
        lambda: configure(channel.kind, channel.config).send(
            message, network=this_round.network, resolve=secrets.resolve, thread=claimed.thread
        ),
        secrets,
    )


def _settle(
    this_round: _Round, channel: StoredChannel, claimed: ClaimedDelivery, answer: Answer, traits: Traits
) -> SendState:
    with write(this_round.engine) as connection:
        if isinstance(answer, Retry) and answer.after:  # first, since it locks the channel and then many messages
            outbox.hold_channel(connection, channel.id, this_round.now + answer.after)
        state = settle(connection, delivery, claimed.id, claimed.attempts, answer, this_round.now)
        if isinstance(answer, Sent):
            again = this_round.now + traits.resend if traits.resend and claimed.message.stands else None
            outbox.keep_receipt(connection, claimed.id, answer.receipt, again)
    if state is not SendState.DELIVERED:
        level = logging.ERROR if state is SendState.DEAD else logging.WARNING
        text = "delivery %d to %s, attempt %d: %s"
        _log.log(level, text, claimed.id, channel.name, claimed.attempts, getattr(answer, "why", ""))
    return state


def _settle_again(this_round: _Round, channel: StoredChannel, claimed: ClaimedDelivery, answer: Answer) -> None:
    """Whatever was answered, it is told again when it is due: it has been taken once, so nothing is lost meanwhile."""
    error = answer.note if isinstance(answer, Sent) else answer.why
    with write(this_round.engine) as connection:
        news = standing.note_resend(connection, claimed.id, error)
    if news and not isinstance(answer, Sent):
        _log.warning("delivery %d to %s, told again: %s", claimed.id, channel.name, error)
