"""Ask for a retrained model: decide once per alert, then send until the other side has it."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec
from sqlalchemy import Engine

from app.core.delivery import Answer, Failed, judge
from app.core.messages import storable
from app.core.ports import Network
from app.core.retraining import Decision, Facts, should_request
from app.core.webhooks import signed_headers, signing_key
from app.outbound import OutboundClient
from app.services.secrets import SecretError, Secrets
from app.services.sending import SendSummary, attempt, counted, settle
from app.settings import Settings
from app.storage import outbox, policies
from app.storage.engine import read, write
from app.storage.outbox import ClaimedAction, SendState
from app.storage.policies import Firing, Request, StoredPolicy
from app.storage.tables import action

EVENT = "model.retrain_requested"
MOST_AT_ONCE = 8

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ActionSummary:
    """What one round did: models that a request was made for, models it was not made for and why, attempts to send."""

    requested: tuple[str, ...] = ()
    declined: Mapping[str, str] = field(default_factory=dict)
    sent: SendSummary = field(default_factory=SendSummary)


@dataclass(frozen=True, slots=True)
class _Case:
    """An alert that may ask for retraining, with what the decision rests on."""

    stored: StoredPolicy
    last: Request | None
    firing: Sequence[Firing]
    new_labels: int
    decision: Decision


def act(engine: Engine, now: datetime, settings: Settings, *, environment: Mapping[str, str]) -> ActionSummary:
    """Decide for every model with a policy whether to ask for retraining, and send the requests that are due.

    One request per decision and model, however many processes do this at once.
    """
    with read(engine) as connection:
        stored = policies.list_policies(connection)
    cases = [case for policy in stored if (case := _case(engine, policy, now))]
    requested = [case.stored.model for case in cases if case.decision.request and _request(engine, case, now)]
    declined = {case.stored.model: case.decision.reason for case in cases if not case.decision.request}
    return ActionSummary(tuple(requested), declined, _send_due(engine, now, settings, environment))


def _case(engine: Engine, stored: StoredPolicy, now: datetime) -> _Case | None:
    """What there is to decide for the model; None when no alert has begun to fire since the last request."""
    policy, model_id = stored.policy, stored.model_id
    with read(engine) as connection:
        last = policies.last_request(connection, model_id)
        # Alerts that fired before the last request were known when it was made: it stands for them too.
        covered = (last.transition_id or 0) if last else 0
        firing = policies.firing(connection, model_id, policy.checks, covered)
        if not firing:
            return None
        since = last.created_at if last else None
        new_labels = 0 if policy.cooling(since, now) else policies.new_labels(connection, model_id, since)
    decision = should_request(policy, Facts(firing[0].check, since, new_labels), now)
    return _Case(stored, last, firing, new_labels, decision)


def _request(engine: Engine, case: _Case, now: datetime) -> bool:
    """Store the request; False when another process has been quicker, or the policy is gone."""
    newest = case.firing[0]
    request = Request(
        version_id=newest.version_id,
        webhook_id=f"msg_{uuid.uuid4().hex}",
        transition_id=newest.transition_id,
        payload=_payload(case, now),
        reason=case.decision.reason,
        created_at=now,
    )
    with write(engine) as connection:
        if not policies.lock_policy(connection, case.stored.model_id):
            return False
        last = policies.last_request(connection, case.stored.model_id)
        if (last and last.webhook_id) != (case.last and case.last.webhook_id):
            return False
        policies.add_request(connection, case.stored.model_id, request)
    return True


def _payload(case: _Case, now: datetime) -> str:
    newest, at = case.firing[0], now.astimezone(UTC)
    data = {
        "model": case.stored.model,
        "version": newest.version,
        "reason": case.decision.reason,
        "transition": newest.transition_id,
        "measurements": [_measurement(item) for item in case.firing if item.version_id == newest.version_id],
        "new_labels": case.new_labels,
        "requested_at": at,
    }
    return msgspec.json.encode({"type": EVENT, "timestamp": at, "data": data}).decode()


def _measurement(firing: Firing) -> dict[str, object]:
    return {
        "check": firing.check,
        "subject": firing.subject,
        "segment": firing.segment,
        "window_start": firing.window_start,
        "value": storable(firing.value),
        "limit": storable(firing.limit),
        "statistic": firing.statistic,
        "reason": firing.reason,
    }


def _send_due(engine: Engine, now: datetime, settings: Settings, environment: Mapping[str, str]) -> SendSummary:
    with read(engine) as connection:
        if not outbox.has_due_actions(connection, now):
            return SendSummary()
    network = OutboundClient(allow_private=settings.allow_private_targets)
    with write(engine) as connection:
        claimed = outbox.claim_actions(connection, now, MOST_AT_ONCE)
    with ThreadPoolExecutor(MOST_AT_ONCE, "act") as pool:
        settled = pool.map(lambda mine: _settle(engine, mine, _send(mine, network, environment), now), claimed)
        return sum(settled, SendSummary())


def _send(claimed: ClaimedAction, network: Network, environment: Mapping[str, str]) -> Answer:
    secrets = Secrets(environment)
    return attempt(lambda: _post(claimed, network, secrets), secrets)


def _post(claimed: ClaimedAction, network: Network, secrets: Secrets) -> Answer:
    if claimed.url is None or claimed.secret is None:
        return Failed("the model's retraining policy has been removed")
    body = claimed.payload.encode()
    try:
        key = signing_key(secrets.resolve(claimed.secret))
    except ValueError as error:
        raise SecretError(f"the secret {claimed.secret} {error}") from None
    # The wall clock whatever the worker's is: receivers refuse what was signed minutes ago, against replays.
    signed = signed_headers(key, claimed.webhook_id, datetime.now(UTC), body)
    return judge(
        network.request("POST", claimed.url, body=body, headers={"Content-Type": "application/json", **signed})
    )


def _settle(engine: Engine, claimed: ClaimedAction, answer: Answer, now: datetime) -> SendSummary:
    with write(engine) as connection:
        state = settle(connection, action, claimed.id, claimed.attempts, answer, now)
    if state is not SendState.DELIVERED:
        level = logging.ERROR if state is SendState.DEAD else logging.WARNING
        text = "retraining request %s, attempt %d: %s"
        _log.log(level, text, claimed.webhook_id, claimed.attempts, getattr(answer, "why", ""))
    return counted(state)
