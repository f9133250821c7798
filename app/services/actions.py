"""Requests to targets that wait in the outbox: put there with what they are about, sent until they are taken."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from sqlalchemy import Engine

from app.core.delivery import Answer, Failed
from app.core.ports import Network
from app.outbound import OutboundClient
from app.services.requests import send
from app.services.retraining_runs import RETRAINING, locked, settled
from app.services.secrets import Secrets
from app.services.sending import SendSummary, attempt, counted, settle
from app.settings import Settings
from app.storage import outbox
from app.storage.engine import read, write
from app.storage.outbox import ClaimedAction, SendState
from app.storage.tables import action

MOST_AT_ONCE = 8

_log = logging.getLogger(__name__)


def send_due(engine: Engine, now: datetime, settings: Settings, environment: Mapping[str, str]) -> SendSummary:
    """Send the actions that are due; several processes may do so at once, and nothing is sent in a transaction."""
    with read(engine) as connection:
        if not outbox.has_due_actions(connection, now):
            return SendSummary()
    network = OutboundClient(allow_private=settings.allow_private_targets)
    with write(engine) as connection:
        claimed = outbox.claim_actions(connection, now, MOST_AT_ONCE)
    with ThreadPoolExecutor(MOST_AT_ONCE, "act") as pool:
        done = pool.map(lambda mine: _settle(engine, mine, _send(mine, network, environment), now, settings), claimed)
        return sum(done, SendSummary())


def _send(claimed: ClaimedAction, network: Network, environment: Mapping[str, str]) -> Answer:
    if claimed.target is None:
        return Failed("its target has been removed")
    target, secrets = claimed.target, Secrets(environment)
    return attempt(lambda: send(target, claimed.webhook_id, claimed.payload, network, secrets), secrets)


def _settle(engine: Engine, claimed: ClaimedAction, answer: Answer, now: datetime, settings: Settings) -> SendSummary:
    with write(engine) as connection:
        run = locked(connection, claimed.webhook_id) if claimed.kind == RETRAINING else None
        state = settle(connection, action, claimed.id, claimed.attempts, answer, now)
        if run is not None:
            settled(connection, run, state, answer, now, settings.public_url)
    if state is not SendState.DELIVERED:
        level = logging.ERROR if state is SendState.DEAD else logging.WARNING
        text = "%s request %s, attempt %d: %s"
        _log.log(level, text, claimed.kind, claimed.webhook_id, claimed.attempts, getattr(answer, "why", ""))
    return counted(state)
