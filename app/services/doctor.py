"""What is wrong with this installation, and how to mend it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from sqlalchemy import Connection, Engine, Table, func, select
from sqlalchemy.exc import SQLAlchemyError

from app.settings import Settings
from app.storage import migrate
from app.storage.engine import open_engine, read
from app.storage.tables import action, batch, channel, delivery, job_run, model, reference, version

LEAST_FREE_BYTES = 1 << 30
LATE = timedelta(minutes=15)


class Level(StrEnum):
    """How a thing stands; only BAD makes `doctor` fail."""

    OK = "ok"
    NOTE = "note"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `mend` says what to do unless it is OK."""

    subject: str
    level: Level
    what: str
    mend: str = ""


def _verdict(subject: str, ok: bool, what: str, mend: str, *, otherwise: Level = Level.BAD) -> Finding:
    return Finding(subject, Level.OK, what) if ok else Finding(subject, otherwise, what, mend)


def diagnose(settings: Settings, now: datetime) -> list[Finding]:
    """Look at everything; a database that cannot be used ends the list."""
    findings = [_data_dir(settings.data_dir)]
    try:
        engine = open_engine(settings)
        findings.append(_schema(engine))
        if findings[-1].level is Level.OK:
            with read(engine) as connection:
                findings += [
                    _backlog(connection, now),
                    _last_round(connection, now),
                    *(look(connection) for look in _LOOKS),
                ]
        engine.dispose()
    except (SQLAlchemyError, OSError) as error:
        reason = str(getattr(error, "orig", None) or error).strip()
        findings.append(
            Finding("database", Level.BAD, reason, "check WATCHKEEPER_DATABASE_URL and that the server answers")
        )
    return findings


def _data_dir(path: Path) -> Finding:
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / ".doctor"
        probe.write_bytes(b"")
        probe.unlink()
        free = shutil.disk_usage(path).free
    except OSError as error:
        return Finding("data folder", Level.BAD, str(error), "set WATCHKEEPER_DATA_DIR to a folder that can be written")
    mend = "free some space, or set WATCHKEEPER_DATA_DIR to a larger disk"
    return _verdict("data folder", free >= LEAST_FREE_BYTES, f"{path}, {free / 2**30:.1f} GiB free", mend)


def _schema(engine: Engine) -> Finding:
    current, head = migrate.current(engine), migrate.head()
    where = f"{engine.dialect.name}, schema {current or 'empty'}"
    return _verdict("database", current == head, where, f"run `watchkeeper db upgrade` (to {head})")


def _backlog(connection: Connection, now: datetime) -> Finding:
    waiting = batch.c.folded_at.is_(None)
    oldest = connection.scalar(select(func.min(batch.c.created_at)).where(waiting))
    count = connection.scalar(select(func.count()).select_from(batch).where(waiting)) or 0
    late = oldest is not None and now - oldest > LATE
    what = f"{count} batches wait to be counted" + (f", the oldest since {oldest:%Y-%m-%d %H:%M} UTC" if oldest else "")
    return _verdict("worker", not late, what, "start `watchkeeper work` (or `up`), or run `watchkeeper run` once")


def _last_round(connection: Connection, now: datetime) -> Finding:
    finished = connection.scalar(select(func.max(job_run.c.finished_at)))
    recent = finished is not None and now - finished <= LATE
    what = f"the last job finished at {finished:%Y-%m-%d %H:%M} UTC" if finished else "no job has run yet"
    mend = "start `watchkeeper work` (or `up`), unless you call `watchkeeper run` yourself"
    return _verdict("schedule", recent, what, mend, otherwise=Level.NOTE)


def _jobs(connection: Connection) -> Finding:
    newest = select(job_run.c.job, func.max(job_run.c.id).label("id")).group_by(job_run.c.job).subquery()
    query = select(job_run.c.job, job_run.c.outcome, job_run.c.detail).join(newest, newest.c.id == job_run.c.id)
    failed = [f"{row.job}: {row.detail}" for row in connection.execute(query) if row.outcome == "failed"]
    what = "; ".join(failed) or "no job failed at its last run"
    return _verdict("jobs", not failed, what, "read the worker's log; the job is tried again at its next time")


def _deliveries(connection: Connection) -> Finding:
    if not connection.scalar(select(func.count()).select_from(channel)):
        return Finding(
            "alerts", Level.NOTE, "no channel: alerts are only in the dashboard", "`watchkeeper channel add`"
        )
    errors = _unsent(connection, delivery)
    mend = "see `watchkeeper channel list`, then `watchkeeper channel test NAME`"
    return _verdict("alerts", not errors, errors or "every alert reached its channels", mend)


def _actions(connection: Connection) -> Finding:
    errors = _unsent(connection, action)
    mend = "see `watchkeeper policy show MODEL`; correct its address or secret"
    return _verdict("retraining", not errors, errors or "every retraining request reached its target", mend)


def _unsent(connection: Connection, outbox: Table) -> str:
    """The newest errors of what could not be sent."""
    troubled = select(outbox.c.last_error).where(outbox.c.state != "delivered", outbox.c.last_error != "")
    return "; ".join(dict.fromkeys(connection.scalars(troubled.order_by(outbox.c.id.desc()).limit(3))))


def _references(connection: Connection) -> Finding:
    query = (
        select(model.c.name, version.c.name.label("version"))
        .join(version, version.c.model_id == model.c.id)
        .outerjoin(reference, reference.c.version_id == version.c.id)
        .where(reference.c.version_id.is_(None), version.c.stage != "retired")
    )
    bare = [f"{row.name} {row.version}" for row in connection.execute(query)]
    what = f"without a reference: {', '.join(bare)}" if bare else "every version has a reference"
    mend = "store one with `watchkeeper import reference` to judge skew and quality"
    return _verdict("references", not bare, what, mend, otherwise=Level.NOTE)


_LOOKS: tuple[Callable[[Connection], Finding], ...] = (_jobs, _deliveries, _actions, _references)
