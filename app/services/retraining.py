"""Ask for a retrained model: decide once per alert, or because a person says so, and follow what comes of it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine

from app.core.authors import signed
from app.core.errors import ConflictError, InvalidError, NotFoundError
from app.core.messages import storable
from app.core.model import Stage, Version
from app.core.retraining import MONTH, Alarm, Decision, Facts, Policy, refusal, should_request
from app.core.retraining_run import RunState
from app.core.targets import escaped
from app.core.webhooks import envelope
from app.services.actions import send_due
from app.services.retraining_runs import WORKER, begin
from app.services.run_polls import FollowSummary, follow
from app.services.sending import SendSummary
from app.settings import Settings
from app.storage import catalogue, policies, retraining_runs, targets
from app.storage.engine import read, write
from app.storage.policies import Firing, StoredPolicy
from app.storage.retraining_runs import NewRun, StoredRun

EVENT = "model.retrain_requested"
MOST_MEASUREMENTS = 50
"""Services bound what they take: GitHub an event of 64 KB."""


@dataclass(frozen=True, slots=True)
class ActionSummary:
    """What one round did: models that a request was made for, models it was not made for and why, attempts to send,
    and runs that were followed.
    """

    requested: tuple[str, ...] = ()
    declined: Mapping[str, str] = field(default_factory=dict)
    sent: SendSummary = field(default_factory=SendSummary)
    followed: FollowSummary = field(default_factory=FollowSummary)


@dataclass(frozen=True, slots=True)
class _Case:
    """What asks for retraining of a model: alerts, or somebody by hand, with what the decision rests on."""

    stored: StoredPolicy
    last: StoredRun | None
    firing: Sequence[Firing]
    new_labels: int
    decision: Decision


def act(engine: Engine, now: datetime, settings: Settings, *, environment: Mapping[str, str]) -> ActionSummary:
    """Follow what runs, decide for every model with a policy whether to ask for retraining, and send what is due.

    One request per decision and model, however many processes do this at once.
    """
    followed = follow(engine, now, settings, environment)  # first, since a run that has ended is in nobody's way
    with read(engine) as connection:
        stored = policies.list_policies(connection)
        cases = [case for policy in stored if (case := _case(connection, policy, now))]
    asked = [case for case in cases if case.decision.request and _request(engine, case, now, settings)]
    declined = {case.stored.model: case.decision.reason for case in cases if not case.decision.request}
    sent = send_due(engine, now, settings, environment)
    return ActionSummary(tuple(case.stored.model for case in asked), declined, sent, followed)


def _case(connection: Connection, stored: StoredPolicy, now: datetime) -> _Case | None:
    """What there is to decide for the model; None when no alert has begun to fire since the last request."""
    policy, model_id = stored.policy, stored.model_id
    # Alerts that fired before the last request were known when it was made: it stands for them too.
    covered = retraining_runs.last_covered(connection, model_id)
    firing = policies.firing(connection, model_id, policy.checks, covered)
    if not firing:
        return None
    may = [one for one in firing if not refusal(policy, _alarm(one))] or firing
    last, under_way = retraining_runs.last_run(connection, model_id), retraining_runs.open_run(connection, model_id)
    since = last.created_at if last else None
    waits = under_way or policy.cooling(since, now)  # to count labels is not worth it then
    facts = Facts(
        _alarm(may[0]),
        since,
        0 if waits else policies.new_labels(connection, model_id, since),
        retraining_runs.asked_since(connection, model_id, now - MONTH),
        under_way.state if under_way else "",
    )
    return _Case(stored, last, may, facts.new_labels, should_request(policy, facts, now))


def _alarm(firing: Firing) -> Alarm:
    return Alarm(firing.check, firing.severity, firing.segment or "")


def _request(engine: Engine, case: _Case, now: datetime, settings: Settings) -> bool:
    """Begin the run; False when another process has been quicker, or the policy is gone."""
    newest = case.firing[0]
    state = RunState.WAITING if case.stored.policy.ask_first else RunState.REQUESTED
    with write(engine) as connection:
        if not policies.lock_policy(connection, case.stored.model_id):
            return False
        last = retraining_runs.last_run(connection, case.stored.model_id)
        if (last and last.id) != (case.last and case.last.id):
            return False
        new = _run(case, newest.version_id, newest.version, state, "", newest.transition_id, now, settings)
        begin(connection, new, WORKER, now, settings.public_url)
    return True


def start(
    engine: Engine,
    now: datetime,
    settings: Settings,
    model: str,
    *,
    reason: str,
    author: str,
    version: str | None = None,
    target: str = "",
) -> StoredRun:
    """Ask by hand, whatever the policy says of cool-down, budget and calendar; who asks by hand needs no approval.

    `target` empty: the one of the model's policy. Raises NotFoundError, InvalidError for an empty reason, and
    ConflictError while a run is under way.
    """
    author = signed(author)
    if not reason.strip():
        raise InvalidError("reason", reason, "say why, for whoever reads of it later")
    with write(engine) as connection:
        found = catalogue.lock_model(connection, model)
        stored = _policy_for(connection, found.id, model, target)
        under_way = retraining_runs.open_run(connection, found.id)
        if under_way:
            raise ConflictError(f"run {under_way.webhook_id} of {model} is {under_way.state} already")
        last = retraining_runs.last_run(connection, found.id)
        labels = policies.new_labels(connection, found.id, last.created_at if last else None)
        firing = policies.firing(connection, found.id, stored.policy.checks, 0)
        asked = _version(connection, found.id, version)
        case = _Case(stored, last, firing, labels, Decision(True, reason.strip()))
        new = _run(case, asked.id, asked.name, RunState.REQUESTED, author, None, now, settings)
        begin(connection, new, new.asked_by, now, settings.public_url)
        begun = retraining_runs.find_run(connection, new.webhook_id)
    assert begun is not None
    return begun


def _policy_for(connection: Connection, model_id: int, model: str, target: str) -> StoredPolicy:
    """The model's policy, asking the target that is named; without a policy, a target is enough to ask by hand."""
    policies.lock_policy(connection, model_id)
    stored = policies.find_policy(connection, model_id)
    if not target:
        if stored is None:
            raise NotFoundError("retraining policy of model", model, [], "set one, or name a target")
        return stored
    asked = targets.find_target(connection, target)
    policy = stored.policy if stored else Policy((), timedelta(0), 0)
    return StoredPolicy(model_id, stored.project if stored else "default", model, policy, asked)


def _version(connection: Connection, model_id: int, name: str | None) -> Version:
    """The version of that name; without one the newest that is live, or else the newest that is not retired."""
    if name is not None:
        return catalogue.find_version(connection, model_id, name)
    known = [one for one in catalogue.list_versions(connection, model_id) if one.stage is not Stage.RETIRED]
    live = [one for one in known if one.stage is Stage.LIVE] or known
    return live[-1] if live else catalogue.find_version(connection, model_id, "")


def _run(
    case: _Case,
    version_id: int,
    version: str,
    state: RunState,
    asked_by: str,
    transition_id: int | None,
    now: datetime,
    settings: Settings,
) -> NewRun:
    webhook_id = f"msg_{uuid.uuid4().hex}"
    policy, base, at = case.stored.policy, settings.collector_address, now.astimezone(UTC)
    since = (at - policy.training_window).isoformat(timespec="seconds").replace("+00:00", "Z")
    rows = f"{base}/v1/models/{escaped(case.stored.model)}/training-set?since={since}&format=parquet"
    mine = [firing for firing in case.firing if firing.version_id == version_id]
    data = {
        "model": case.stored.model,
        "version": version,
        "reason": case.decision.reason,
        "transition": transition_id,
        "measurements": [_measurement(firing) for firing in mine[:MOST_MEASUREMENTS]],
        "new_labels": case.new_labels,
        "requested_at": at,
        "training_set_url": rows if base else "",
        "callback_url": f"{base}/v1/retraining/{webhook_id}" if base else "",
    }
    return NewRun(
        webhook_id,
        case.stored.model_id,
        version_id,
        case.stored.target.id,
        state,
        asked_by,
        case.decision.reason,
        transition_id,
        envelope(EVENT, at, data),
        policy.timeout,
    )


def _measurement(firing: Firing) -> dict[str, object]:
    return {
        "check": firing.check,
        "severity": firing.severity,
        "subject": firing.subject,
        "segment": firing.segment,
        "window_start": firing.window_start,
        "value": storable(firing.value),
        "limit": storable(firing.limit),
        "statistic": firing.statistic,
        "reason": firing.reason,
    }
