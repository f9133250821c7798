"""Retraining policies: which alerts of a model ask for a new version, how seldom, and whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine

from app.core.errors import InvalidError, NotFoundError
from app.core.retraining import Policy
from app.core.severity import Severity
from app.services.checks import all_checks
from app.services.retraining_runs import withdraw
from app.services.targets import put_webhook
from app.storage import catalogue, policies, retraining_runs, targets
from app.storage.engine import read, write
from app.storage.policies import StoredPolicy
from app.storage.retraining_runs import StoredRun


@dataclass(frozen=True, slots=True)
class PolicyStatus:
    """A model's policy, and its newest run."""

    policy: StoredPolicy
    last_run: StoredRun | None


def set_policy(
    engine: Engine,
    now: datetime,
    model: str,
    policy: Policy,
    *,
    target: str = "",
    webhook_url: str = "",
    secret: str = "",
    project: str = "default",
) -> None:
    """Give the model this policy, in the place of the one it may have.

    `target` names where it asks; or else `webhook_url` and `secret` (a reference to `whsec_<base64>`) make a signed
    webhook with the model's name. Raises NotFoundError for model and target, InvalidError that names the field.
    """
    _check(policy)
    if bool(target) == bool(webhook_url):
        raise InvalidError("target", target or None, "give either a target or a webhook_url with its secret")
    with write(engine) as connection:
        found = catalogue.find_model(connection, model, project)
        if target:
            target_id = targets.find_target(connection, target).id
        else:
            target_id = put_webhook(connection, now, model, webhook_url, secret)
        policies.set_policy(connection, found.id, policy, target_id, now)


def show_policy(engine: Engine, model: str, *, project: str = "default") -> PolicyStatus:
    """The model's policy. Raises NotFoundError when there is no such model, or it has no policy."""
    with read(engine) as connection:
        found = catalogue.find_model(connection, model, project)
        stored = policies.find_policy(connection, found.id)
        if stored is None:
            raise _no_policy(model, policies.list_policies(connection))
        return PolicyStatus(stored, retraining_runs.last_run(connection, found.id))


def remove_policy(engine: Engine, now: datetime, model: str, *, project: str = "default") -> None:
    """Take the model's policy away, and with it every request that was not taken yet.

    Raises NotFoundError when there is no such model, or it has no policy.
    """
    with write(engine) as connection:
        found = catalogue.find_model(connection, model, project)
        if not policies.remove_policy(connection, found.id):
            raise _no_policy(model, policies.list_policies(connection))
        withdraw(connection, found.id, "the model's retraining policy has been removed", now)


def _no_policy(model: str, others: list[StoredPolicy]) -> NotFoundError:
    return NotFoundError("retraining policy of model", model, [other.model for other in others])


def _check(policy: Policy) -> None:
    known = sorted(all_checks())
    for check in policy.checks:
        if check not in known:
            raise InvalidError("checks", check, f"known are {', '.join(known)}")
    if policy.minimum_severity is Severity.INFO:
        raise InvalidError("minimum_severity", "info", "allowed are warning and critical")
    if not policy.checks:
        raise InvalidError("checks", list(policy.checks), f"name at least one of {', '.join(known)}")
    for name in ("cooldown", "timeout", "training_window"):
        if getattr(policy, name) < (timedelta(0) if name == "cooldown" else timedelta(minutes=1)):
            allowed = "must not be negative" if name == "cooldown" else "must be at least a minute"
            raise InvalidError(name, str(getattr(policy, name)), allowed)
    for name in ("minimum_new_labels", "budget"):
        if (getattr(policy, name) or 0) < 0:
            raise InvalidError(name, getattr(policy, name), "must not be negative")
