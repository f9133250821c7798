"""Retraining as people look at it: the newest runs with their steps, and what each policy still allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from app.core.retraining import MONTH
from app.storage import policies, retraining_runs
from app.storage.engine import read
from app.storage.policies import StoredPolicy
from app.storage.retraining_runs import RunStep, StoredRun


@dataclass(frozen=True, slots=True)
class Lived:
    """A run and its steps, the oldest first."""

    run: StoredRun
    steps: Sequence[RunStep]


@dataclass(frozen=True, slots=True)
class PolicyStanding:
    """A policy; `asked` are its requests of the last 30 days, `cooling_until` is None when it may ask again."""

    stored: StoredPolicy
    asked: int
    last: datetime | None
    cooling_until: datetime | None
    under_way: str

    @property
    def left(self) -> int | None:
        """Requests that the budget still allows; None: it has no bound."""
        budget = self.stored.policy.budget
        return None if budget is None else max(0, budget - self.asked)


def lives(engine: Engine, most: int) -> list[Lived]:
    """The newest runs of all models, the newest first."""
    with read(engine) as connection:
        runs = retraining_runs.list_runs(connection, most=most)
        steps = retraining_runs.steps_of(connection, [run.id for run in runs])
    return [Lived(run, steps.get(run.id, [])) for run in runs]


def standings(engine: Engine, now: datetime) -> list[PolicyStanding]:
    """Every policy, by model."""
    with read(engine) as connection:
        found = []
        for stored in policies.list_policies(connection):
            last = retraining_runs.last_run(connection, stored.model_id)
            asked = len(retraining_runs.asked_since(connection, stored.model_id, now - MONTH))
            until = last.created_at + stored.policy.cooldown if last else None
            cooling = until if until and until > now else None
            open_run = retraining_runs.open_run(connection, stored.model_id)
            at, state = last.created_at if last else None, open_run.state.value if open_run else ""
            found.append(PolicyStanding(stored, asked, at, cooling, state))
    return found
