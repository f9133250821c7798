"""Read the facts that Watchkeeper judges itself by."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import TypedDict
from urllib.parse import urlsplit

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from app.core.looks.incoming import RECENTLY
from app.core.self_watch import Backlog, Database, Disk, Facts, Installed, JobFacts, MissingSecret, Outbox
from app.core.targets import is_reference
from app.services.channels import kinds
from app.services.schedule import Job, beside, interval
from app.services.secrets import SecretError, Secrets
from app.settings import Settings, is_loopback
from app.storage import channels, migrate, routes, self_watch, targets
from app.storage.engine import read, unused_sqlite
from app.storage.lease import is_held


def read_facts(engine: Engine, settings: Settings, now: datetime, environment: Mapping[str, str]) -> Facts:
    """Everything that is looked at. A database that cannot be used is a fact too, and ends the list."""
    database = _database(engine, settings)
    known = Facts(now, _disk(settings.data_dir), database, _installed(settings))
    if not database.usable:
        return known
    with read(engine) as connection:
        return _with_database(connection, known, settings, environment)


def _with_database(connection: Connection, known: Facts, settings: Settings, environment: Mapping[str, str]) -> Facts:
    return replace(
        known,
        **read_work(connection, settings, known.now),
        routes=tuple(routes.list_routes(connection)),
        failed_runs=self_watch.failed_runs(connection, known.now),
        missing_secrets=tuple(_missing_secrets(connection, environment)),
        clients=self_watch.client_facts(connection, known.now - RECENTLY),
        refused=self_watch.refusals(connection, known.now - 2 * RECENTLY),
        good_keys=self_watch.good_keys(connection),
        bare_versions=tuple(self_watch.bare_versions(connection)),
        versions=self_watch.versions(connection),
    )


class Work(TypedDict):
    """How the work goes on: those of the facts that change from minute to minute."""

    worker_leads: bool
    jobs: tuple[JobFacts, ...]
    backlog: Backlog
    channels: tuple[Outbox, ...]
    retraining: tuple[Outbox, ...]


def read_work(connection: Connection, settings: Settings, now: datetime) -> Work:
    """Read how the work goes on; costs a few short queries."""
    return Work(
        worker_leads=is_held(connection),
        jobs=tuple(job for job in _jobs(connection, settings) if job),
        backlog=self_watch.backlog(connection, Job.FOLD, now),
        channels=self_watch.channel_facts(connection, now),
        retraining=self_watch.target_facts(connection, now),
    )


def _jobs(connection: Connection, settings: Settings) -> Iterator[JobFacts | None]:
    for job in Job:
        yield self_watch.job_facts(connection, job.value, interval(job, settings), beside(job))


def _disk(path: Path) -> Disk:
    try:
        path.mkdir(parents=True, exist_ok=True)
        # Without a name: worker, dashboard and `doctor` look at the same time, and would take away each other's file.
        with TemporaryFile(dir=path, buffering=0) as probe:
            probe.write(b"is there room for a few bytes?")
        return Disk(str(path), shutil.disk_usage(path).free)
    except OSError as error:
        return Disk(str(path), error=str(error))


def _database(engine: Engine, settings: Settings) -> Database:
    dialect, head, unused = engine.dialect.name, migrate.head(), unused_sqlite(settings)
    try:
        revision = migrate.current(engine)
        if revision != head:
            ahead = revision is not None and not migrate.is_known(revision)
            return Database(dialect, "", revision, head, ahead, unused=unused)
        with read(engine) as connection:
            theirs, ours = self_watch.clock(connection), datetime.now(UTC)
            skew = None if theirs is None else theirs - ours
            newest = self_watch.newest_write(connection)
    except (SQLAlchemyError, OSError) as error:
        return Database(dialect, str(getattr(error, "orig", None) or error).strip(), head=head, unused=unused)
    return Database(dialect, "", revision, head, skew=skew, newest_write=newest, unused=unused)


def _installed(settings: Settings) -> Installed:
    public = _host_of(settings.public_url)
    return Installed(
        host=settings.host,
        keys_asked=settings.asks_for_keys,
        public_url=settings.public_url,
        public_host=public,
        public_is_here=is_loopback(public) or public == "0.0.0.0",  # noqa: S104  compared, not listened on
        heartbeat=bool(settings.heartbeat_url),
    )


def _host_of(url: str) -> str:
    """The host of an http or https address; empty for anything else."""
    try:
        parts = urlsplit(url)
        return (parts.hostname or "") if parts.scheme in {"http", "https"} and parts.port != 0 else ""
    except ValueError:
        return ""


def _missing_secrets(connection: Connection, environment: Mapping[str, str]) -> Iterator[MissingSecret]:
    secrets = Secrets(environment)
    for owner, reference in _references(connection):
        try:
            secrets.resolve(reference)
        except SecretError as error:
            yield MissingSecret(owner, str(error))


def _references(connection: Connection) -> Iterator[tuple[str, str]]:
    """(who names it, the reference) of every secret that something configured needs."""
    known = kinds()
    for channel in channels.list_channels(connection):
        plugin = None if channel.off else known.get(channel.kind)
        for spec in fields(plugin) if plugin else ():  # type: ignore[arg-type]  # every plugin is a dataclass
            if spec.metadata.get("secret") and channel.config.get(spec.name):
                yield f"channel {channel.name}", str(channel.config[spec.name])
    for target in targets.list_targets(connection):
        for value in target.config.values():
            if is_reference(value):
                yield f"target {target.name}", value
