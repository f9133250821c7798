"""What the database knows of Watchkeeper's own condition. Each query costs little, however long the history is."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Column, Connection, Table, func, select, text

from app.core.retraining_run import RunState as RetrainingState
from app.core.self_watch import Backlog, ClientFacts, FailedRun, JobFacts, Outbox
from app.storage.channels import off_of
from app.storage.jobs import RunState
from app.storage.outbox import SendState
from app.storage.tables import (
    action,
    api_key,
    batch,
    channel,
    client_report,
    delivery,
    job_run,
    model,
    reference,
    refusal,
    retraining_run,
    target,
    version,
)
from app.storage.unfolded import batches_waiting, waiting_since

TREND = timedelta(minutes=30)
_WITHOUT_RESULT = (RetrainingState.FAILED.value, RetrainingState.TIMED_OUT.value)
REMEMBERED = timedelta(days=7)
"""What was given up longer ago is history."""


def clock(connection: Connection) -> datetime | None:
    """The time by the database server's clock; None for SQLite, which has none of its own."""
    if connection.dialect.name == "sqlite":
        return None
    now: datetime | None = connection.scalar(text("SELECT clock_timestamp()"))
    return None if now is None else now.astimezone(UTC)


def newest_write(connection: Connection) -> datetime | None:
    """When the newest batch was stored, by the clock of the collector that stored it."""
    return connection.scalar(select(batch.c.created_at).order_by(batch.c.id.desc()).limit(1))


def job_facts(connection: Connection, job: str, interval: timedelta, waits_for: Collection[str]) -> JobFacts | None:
    """The newest runs of the job; None when it never ran."""
    of_job = select(job_run).where(job_run.c.job == job).order_by(job_run.c.slot.desc()).limit(1)
    newest = connection.execute(of_job).one_or_none()
    if newest is None:
        return None
    # One that runs says nothing yet: a job that always fails does not go well while it tries once more.
    ended = connection.execute(of_job.where(job_run.c.outcome != RunState.RUNNING.value)).one_or_none()
    done = connection.execute(of_job.where(job_run.c.outcome == RunState.DONE.value)).one_or_none()
    return JobFacts(
        job,
        interval,
        newest.started_at,
        ended.outcome if ended else "",
        ended.detail if ended else "",
        done.finished_at if done else None,
        running=newest.outcome == RunState.RUNNING.value,
        waits_for=frozenset(map(str, waits_for)),
    )


def backlog(connection: Connection, fold: str, now: datetime) -> Backlog:
    """The batches that wait, and how many did after each fold of late."""
    folds = select(job_run.c.waiting).where(
        job_run.c.job == fold, job_run.c.slot > now - TREND, job_run.c.waiting.is_not(None)
    )
    trend = tuple(connection.scalars(folds.order_by(job_run.c.slot)))
    return Backlog(batches_waiting(connection), waiting_since(connection), trend)


def channel_facts(connection: Connection, now: datetime) -> tuple[Outbox, ...]:
    """How the deliveries to each channel stand. Of one that is off, what waits for it is no fault."""
    return tuple(
        Outbox(row.name, off=off_of(row))
        if row.off_since
        else _outbox(connection, delivery, delivery.c.channel_id, row.id, row.name, now)
        for row in connection.execute(select(channel).order_by(channel.c.name))
    )


def target_facts(connection: Connection, now: datetime) -> tuple[Outbox, ...]:
    """How the requests to each target stand."""
    places = connection.execute(select(target.c.id, target.c.name).order_by(target.c.name)).all()
    return tuple(_outbox(connection, action, action.c.target_id, row.id, row.name, now) for row in places)


def failed_runs(connection: Connection, now: datetime) -> tuple[FailedRun, ...]:
    """The models whose newest retraining run failed or timed out of late."""
    runs = retraining_run.c
    newest = select(func.max(runs.id)).group_by(runs.model_id)
    query = (
        select(model.c.name, runs.webhook_id, runs.state, runs.changed_at)
        .join(model, model.c.id == runs.model_id)
        .where(runs.id.in_(newest), runs.state.in_(_WITHOUT_RESULT), runs.changed_at > now - REMEMBERED)
        .order_by(model.c.name)
    )
    return tuple(FailedRun(*row) for row in connection.execute(query))


def _outbox(
    connection: Connection, table: Table, place: Column[Any], place_id: int, name: str, now: datetime
) -> Outbox:
    rows, mine = table.c, place == place_id
    newest_first = select(rows.id).where(mine).order_by(rows.id.desc()).limit(1)
    arrived = connection.scalar(newest_first.where(rows.state == SendState.DELIVERED.value)) or 0
    dead = mine & (rows.state == SendState.DEAD.value) & (rows.id > arrived) & (rows.created_at > now - REMEMBERED)
    given_up = connection.scalar(select(func.count()).select_from(table).where(dead)) or 0
    pending = mine & (rows.state == SendState.PENDING.value)
    since = connection.scalar(select(func.min(rows.created_at)).where(pending))
    said = select(rows.last_error).where(dead | pending, rows.last_error != "").order_by(rows.id.desc()).limit(1)
    return Outbox(name, given_up, since, connection.scalar(said) or "")


def client_facts(connection: Connection, since: datetime) -> tuple[ClientFacts, ...]:
    """What the clients that reported since then said last."""
    query = select(client_report).where(client_report.c.reported_at >= since).order_by(client_report.c.reported_at)
    return tuple(
        ClientFacts(row.host, row.reported_at, row.logged, row.predictions, row.dropped, row.dropped_at, row.served)
        for row in connection.execute(query)
    )


def refusals(connection: Connection, since: datetime) -> dict[str, int]:
    """Requests that were turned away in the hours that begin after `since`, by reason."""
    query = select(refusal.c.reason, func.sum(refusal.c.requests)).where(refusal.c.hour > since)
    return {reason: int(requests) for reason, requests in connection.execute(query.group_by(refusal.c.reason))}


def good_keys(connection: Connection) -> int:
    """How many API keys are not revoked."""
    return connection.scalar(select(func.count()).select_from(api_key).where(api_key.c.revoked_at.is_(None))) or 0


def versions(connection: Connection) -> int:
    """How many versions are not retired."""
    return connection.scalar(select(func.count()).select_from(version).where(version.c.stage != "retired")) or 0


def bare_versions(connection: Connection) -> Iterable[str]:
    """`MODEL VERSION` of each version that has no reference and is not retired."""
    query = (
        select(model.c.name, version.c.name.label("version"))
        .join(version, version.c.model_id == model.c.id)
        .outerjoin(reference, reference.c.version_id == version.c.id)
        .where(reference.c.version_id.is_(None), version.c.stage != "retired")
        .order_by(model.c.name, version.c.id)
    )
    return (f"{row.name} {row.version}" for row in connection.execute(query))
