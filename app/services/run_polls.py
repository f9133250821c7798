"""Follow runs whose service does not call back by itself: ask it, and give up on those that take too long."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from app.core.delivery import Answer, Failed, Sent
from app.core.label_delay import duration
from app.core.ports import Network
from app.core.retraining_run import FINAL, ran_out, reported
from app.core.target_answers import Progress
from app.outbound import OutboundClient
from app.services.requests import ask
from app.services.retraining_runs import LONGEST_TEXT, POLL_INTERVAL, move
from app.services.secrets import Secrets
from app.services.sending import attempt
from app.settings import Settings
from app.storage import retraining_runs as runs
from app.storage.engine import read, write
from app.storage.retraining_runs import StoredRun

MOST_AT_ONCE = 8

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FollowSummary:
    """How many services were asked, and how many runs were found to have ended, or ran out of time."""

    asked: int = 0
    ended: int = 0
    timed_out: int = 0


def follow(engine: Engine, now: datetime, settings: Settings, environment: Mapping[str, str]) -> FollowSummary:
    """Ask the services that are due how their runs stand, then end the runs whose time is over."""
    asked, ended = _ask_due(engine, now, settings, environment)
    with write(engine) as connection:
        late = [
            run for run in runs.runs_under_way(connection) if (run.accepted_at or run.created_at) + run.timeout <= now
        ]
        steps = [
            move(connection, run, ran_out(run.known, duration(run.timeout)), now, settings.public_url) for run in late
        ]
    return FollowSummary(asked, ended, sum(step.changed for step in steps))


def _ask_due(engine: Engine, now: datetime, settings: Settings, environment: Mapping[str, str]) -> tuple[int, int]:
    """How many services were asked, and how many runs have ended; nothing is asked in a transaction."""
    with read(engine) as connection:
        if not runs.has_due_polls(connection, now):
            return 0, 0
    network = OutboundClient(allow_private=settings.allow_private_targets)
    with write(engine) as connection:
        due = runs.claim_polls(connection, now, now + POLL_INTERVAL, MOST_AT_ONCE)
    with ThreadPoolExecutor(MOST_AT_ONCE, "poll") as pool:
        answers = list(pool.map(lambda run: _ask(run, network, environment), due))
    ended = [_note(engine, run, answer, now, settings) for run, answer in zip(due, answers, strict=True)]
    return len(ended), sum(ended)


def _ask(run: StoredRun, network: Network, environment: Mapping[str, str]) -> Progress | Answer:
    """How the service says the run stands, or what went wrong, without any secret."""
    target, secrets, found = run.target, Secrets(environment), list[Progress]()
    if target is None:
        return Failed("its target has been removed")

    def once() -> Answer:
        answer = ask(target, run.webhook_id, run.payload, run.external_id, network, secrets)
        if isinstance(answer, Progress):
            found.append(answer)
            return Sent()
        return answer

    failure = attempt(once, secrets)
    return Progress(found[0].state, secrets.redact(found[0].message)) if found else failure


def _note(engine: Engine, run: StoredRun, answer: Progress | Answer, now: datetime, settings: Settings) -> bool:
    """Write down what was said; whether the run has ended by it."""
    with write(engine) as connection:
        if not isinstance(answer, Progress):
            why, after = getattr(answer, "why", ""), getattr(answer, "after", None)
            runs.note_poll(connection, run.id, why, now + max(POLL_INTERVAL, after or POLL_INTERVAL))
            _log.warning("retraining run %s cannot be asked about: %s", run.webhook_id, why)
            return False
        runs.note_poll(connection, run.id, "", now + POLL_INTERVAL)
        step = reported(run.known, answer.state, message=answer.message[:LONGEST_TEXT])
        return move(connection, run, step, now, settings.public_url).changed and step.state in FINAL
