"""Taking a version back by policy, without asking anybody: off for a model until somebody sets its policy."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine

from app.core.automatic_rollback import AUTHOR, Alarm, Facts, RollbackPolicy, should_roll_back
from app.core.deployments import Kind
from app.core.errors import ConflictError, InvalidError, NotFoundError, WatchkeeperError
from app.core.silences import Identity, hush
from app.services.checks import all_checks
from app.services.deployments import Standing, roll_back, said
from app.services.drills import close_overdue
from app.storage import rollback_policies, silences
from app.storage.catalogue import find_model
from app.storage.drills import overdue
from app.storage.engine import read, write
from app.storage.rollback_policies import StoredRollbackPolicy

SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=90)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RollbackSummary:
    """What one round did: models that went back, those that did not and why, and drills that ended unanswered."""

    rolled_back: tuple[str, ...] = ()
    declined: Mapping[str, str] = field(default_factory=dict)
    drills_overdue: int = 0


def set_rollback_policy(
    engine: Engine, now: datetime, model: str, *, checks: Sequence[str], within: timedelta, author: str
) -> None:
    """Let critical alerts of these checks take a version back that was deployed at most `within` ago.

    Raises NotFoundError for the model, InvalidError for a check, a time or the author.
    """
    author, _ = said(author, "")
    if not checks:
        raise InvalidError("checks", "", "allowed is one check or more")
    for check in checks:
        if check not in all_checks():
            raise InvalidError("check", check, f"allowed are {', '.join(all_checks())}")
    if not SHORTEST <= within <= LONGEST:
        raise InvalidError("within", str(within), f"allowed is from a minute to {LONGEST.days} days")
    policy = RollbackPolicy(tuple(dict.fromkeys(checks)), within)
    with write(engine) as connection:
        rollback_policies.set_policy(connection, find_model(connection, model).id, policy, author, now)


def rollback_policy(engine: Engine, model: str) -> StoredRollbackPolicy | None:
    """The model's policy; None: nothing goes back by itself. Raises NotFoundError for the model."""
    with read(engine) as connection:
        return next(iter(rollback_policies.list_policies(connection, find_model(connection, model).id)), None)


def remove_rollback_policy(engine: Engine, model: str) -> None:
    """Let nothing go back by itself. Raises NotFoundError for the model, or where it has no policy."""
    with write(engine) as connection:
        if not rollback_policies.remove_policy(connection, find_model(connection, model).id):
            known = [one.model for one in rollback_policies.list_policies(connection)]
            raise NotFoundError("rollback policy", model, known, "set one with `watchkeeper rollback policy set`")


def roll_back_by_policy(engine: Engine, now: datetime) -> RollbackSummary:
    """Take back what the policies say, and end the drills whose time is over. Doing it twice changes no more."""
    with read(engine) as connection:
        policies = rollback_policies.list_policies(connection)
        late = len(overdue(connection, now))
    if late:
        with write(engine) as connection:
            late = close_overdue(connection, now)
    outcomes = {stored.model: _decide(engine, stored, now) for stored in policies}
    gone = tuple(model for model, reason in outcomes.items() if reason is None)
    return RollbackSummary(gone, {model: reason for model, reason in outcomes.items() if reason is not None}, late)


def _decide(engine: Engine, stored: StoredRollbackPolicy, now: datetime) -> str | None:
    """Roll the model back where its policy says so (None), or say why not."""
    with read(engine) as connection:
        found = Standing.of(connection, find_model(connection, stored.model))
        facts = _facts(connection, found, now)
    decision = should_roll_back(stored.policy, facts, now)
    if not decision.roll_back:
        return decision.reason
    try:
        roll_back(
            engine,
            stored.model,
            now,
            to=facts.target,
            author=AUTHOR,
            reason=decision.reason,
            seen=found.change,
            kind=Kind.AUTOMATIC,
        )
    except ConflictError as error:  # a person was quicker: theirs stands
        return str(error)
    _log.warning("model=%s rolled back to %s: %s", stored.model, facts.target, decision.reason)
    return None


def _facts(connection: Connection, found: Standing, now: datetime) -> Facts:
    live, target, why_not = found.live, None, ""
    alarms = _alarms(connection, found, live[0], now) if live else []
    try:
        target = found.rollback_target()
    except WatchkeeperError as error:
        why_not = str(error)
    return Facts(live, found.history, alarms, target, why_not)


def _alarms(connection: Connection, found: Standing, version: str, now: datetime) -> list[Alarm]:
    """The alerts about the version that fire, each with whether it is silenced now."""
    standing, model = silences.standing(connection), found.model

    def silenced(one: Alarm) -> bool:
        identity = Identity(model.project, model.name, version, one.check, one.subject, one.segment)
        return hush(standing, identity, now).by is not None

    return [replace(one, silenced=silenced(one)) for one in rollback_policies.alarms(connection, model.id, version)]
