"""Ask for a retrained model: decide once per alert, then send until the other side has it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Engine

from app.core.messages import storable
from app.core.retraining import Decision, Facts, should_request
from app.core.webhooks import envelope
from app.services.actions import send_due
from app.services.sending import SendSummary
from app.settings import Settings
from app.storage import outbox, policies
from app.storage.engine import read, write
from app.storage.outbox import NewAction
from app.storage.policies import Firing, Request, StoredPolicy

EVENT = "model.retrain_requested"


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
    return ActionSummary(tuple(requested), declined, send_due(engine, now, settings, environment))


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
    request = NewAction(
        kind=policies.RETRAINING,
        target_id=case.stored.target.id,
        model_id=case.stored.model_id,
        version_id=newest.version_id,
        webhook_id=f"msg_{uuid.uuid4().hex}",
        payload=_payload(case, now),
        reason=case.decision.reason,
        transition_id=newest.transition_id,
    )
    with write(engine) as connection:
        if not policies.lock_policy(connection, case.stored.model_id):
            return False
        last = policies.last_request(connection, case.stored.model_id)
        if (last and last.webhook_id) != (case.last and case.last.webhook_id):
            return False
        outbox.add_action(connection, request, now)
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
    return envelope(EVENT, at, data)


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
