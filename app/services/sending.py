"""One attempt to send something, and what is written down about it: the same for messages and for requests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from random import SystemRandom

from sqlalchemy import Connection, Table

from app.core.delivery import Answer, Failed, Retry, Sent, next_wait
from app.core.errors import WatchkeeperError
from app.outbound import OutboundError
from app.services.secrets import SecretError, Secrets
from app.storage import outbox
from app.storage.outbox import SendState

_random = SystemRandom()


@dataclass(frozen=True, slots=True)
class SendSummary:
    """What became of the attempts of one round."""

    delivered: int = 0
    retrying: int = 0
    dead: int = 0

    def __add__(self, other: SendSummary) -> SendSummary:
        return SendSummary(self.delivered + other.delivered, self.retrying + other.retrying, self.dead + other.dead)


def attempt(send: Callable[[], Answer], secrets: Secrets) -> Answer:
    """What became of sending, with every secret taken out of the words about it.

    A secret that is not there yet is worth another try; a target that must not be reached is not.
    """
    try:
        answer = send()
    except SecretError as error:
        answer = Retry(str(error))
    except OutboundError as error:
        answer = Failed(str(error)) if error.permanent else Retry(str(error))
    except WatchkeeperError as error:
        answer = Failed(str(error))
    match answer:
        case Sent(note, receipt):
            return Sent(secrets.redact(note), receipt)
        case Retry(why, after):
            return Retry(secrets.redact(why), after)
        case Failed(why):
            return Failed(secrets.redact(why))


def settle(
    connection: Connection, table: Table, row_id: int, attempts: int, answer: Answer, now: datetime
) -> SendState:
    """Write the answer to attempt number `attempts` down; the state that the row is in now."""
    match answer:
        case Sent(note):
            outbox.mark_delivered(connection, table, row_id, now, note)
            return SendState.DELIVERED
        case Retry(why, after):
            wait = next_wait(attempts, _random.random(), after)
            if wait is None:
                why = f"given up after {attempts} attempts; the last one: {why}"
            outbox.mark_failed(connection, table, row_id, attempts, why, None if wait is None else now + wait)
            return SendState.DEAD if wait is None else SendState.PENDING
        case Failed(why):
            outbox.mark_failed(connection, table, row_id, attempts, why, None)
            return SendState.DEAD


def counted(state: SendState) -> SendSummary:
    """One attempt that ended in `state`."""
    return SendSummary(
        delivered=int(state is SendState.DELIVERED),
        retrying=int(state is SendState.PENDING),
        dead=int(state is SendState.DEAD),
    )
