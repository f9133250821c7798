"""Retraining policies: which alerts of a model ask for a new version, how seldom, and whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine

from app.core.errors import InvalidError, NotFoundError
from app.core.retraining import Policy
from app.services.checks import all_checks
from app.services.targets import put_webhook
from app.storage import catalogue, policies, targets
from app.storage.engine import read, write
from app.storage.policies import Request, StoredPolicy


@dataclass(frozen=True, slots=True)
class PolicyStatus:
    """A model's policy, and its newest request with how its delivery stands."""

    policy: StoredPolicy
    last_request: Request | None


def set_policy(
    engine: Engine,
    now: datetime,
    model: str,
    *,
    checks: Sequence[str],
    cooldown: timedelta,
    minimum_new_labels: int,
    target: str = "",
    webhook_url: str = "",
    secret: str = "",
    project: str = "default",
) -> None:
    """Give the model this policy, in the place of the one it may have.

    `target` names where it asks; or else `webhook_url` and `secret` (a reference to `whsec_<base64>`) make a signed
    webhook with the model's name. Raises NotFoundError for model and target, InvalidError that names the field.
    """
    _check(checks, cooldown, minimum_new_labels)
    if bool(target) == bool(webhook_url):
        raise InvalidError("target", target or None, "give either a target or a webhook_url with its secret")
    policy = Policy(tuple(dict.fromkeys(checks)), cooldown, minimum_new_labels)
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
        return PolicyStatus(stored, policies.last_request(connection, found.id))


def remove_policy(engine: Engine, model: str, *, project: str = "default") -> None:
    """Take the model's policy away. Raises NotFoundError when there is no such model, or it has no policy."""
    with write(engine) as connection:
        found = catalogue.find_model(connection, model, project)
        if not policies.remove_policy(connection, found.id):
            raise _no_policy(model, policies.list_policies(connection))


def _no_policy(model: str, others: list[StoredPolicy]) -> NotFoundError:
    return NotFoundError("retraining policy of model", model, [other.model for other in others])


def _check(checks: Sequence[str], cooldown: timedelta, minimum_new_labels: int) -> None:
    known = sorted(all_checks())
    for check in checks:
        if check not in known:
            raise InvalidError("checks", check, f"known are {', '.join(known)}")
    if not checks:
        raise InvalidError("checks", list(checks), f"name at least one of {', '.join(known)}")
    if cooldown < timedelta(0):
        raise InvalidError("cooldown", str(cooldown), "must not be negative")
    if minimum_new_labels < 0:
        raise InvalidError("minimum_new_labels", minimum_new_labels, "must not be negative")
