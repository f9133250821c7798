"""What Watchkeeper knows of its own condition, as values: facts that were read, and what is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from app.core.delivery import Off
from app.core.routing import Route

BRIEFLY = timedelta(minutes=2)
"""A job that went well so lately has failed for a moment, as when the database restarts: nobody is woken."""
GROWN_BATCHES = 100


class Level(StrEnum):
    """How a thing stands. What is BAD makes `doctor` fail and raises an alert; a NOTE does neither."""

    OK = "ok"
    NOTE = "note"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What one look found: `about` names the one of several (a job, a channel); unless it is OK, `why` says what it
    does to the user and `mend` what to do.
    """

    subject: str
    level: Level
    what: str
    why: str = ""
    mend: str = ""
    about: str = ""


@dataclass(frozen=True, slots=True)
class Disk:
    """A folder that is written to. `error`: why it cannot be; empty when it can."""

    path: str
    free_bytes: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Database:
    """The database that the settings name.

    `error`: why it does not answer. `ahead`: this program does not know its revision. `skew`: how far its clock is
    ahead of ours, None where it has none of its own. `unused`: the path of a second database beside it.
    """

    dialect: str = ""
    error: str = ""
    revision: str | None = None
    head: str | None = None
    ahead: bool = False
    skew: timedelta | None = None
    newest_write: datetime | None = None
    unused: str = ""

    @property
    def usable(self) -> bool:
        return not self.error and self.revision == self.head


@dataclass(frozen=True, slots=True)
class JobFacts:
    """When the newest run of a job began, what became of the newest that has ended, and when it last went well.

    `running`: the newest has not ended. `waits_for`: jobs that it is done after or before, never at the same time.
    """

    job: str
    interval: timedelta
    started_at: datetime
    outcome: str = ""
    detail: str = ""
    done_at: datetime | None = None
    running: bool = False
    waits_for: frozenset[str] = frozenset()

    def fails(self, now: datetime) -> bool:
        """Whether it failed, and has not gone well a moment ago."""
        return self.outcome == "failed" and not (self.done_at and now - self.done_at <= BRIEFLY)


@dataclass(frozen=True, slots=True)
class Backlog:
    """Batches that wait to be counted. `trend`: how many waited after each of the latest folds, oldest first."""

    batches: int = 0
    since: datetime | None = None
    trend: tuple[int, ...] = ()

    @property
    def grows(self) -> bool:
        """Whether each of the last third of the rounds left more behind than any of the first third, and much."""
        third = len(self.trend) // 3
        if third < 2 or self.batches < GROWN_BATCHES:
            return False
        return min(self.trend[-third:]) > max(self.trend[:third])


@dataclass(frozen=True, slots=True)
class Outbox:
    """What waits to be sent to one place: a channel, or the retraining target of a model.

    `dead` are those given up after the last one that arrived; `pending_since`: since when the oldest one waits. `off`:
    who switched it off, and nothing is sent there.
    """

    name: str
    dead: int = 0
    pending_since: datetime | None = None
    error: str = ""
    off: Off | None = None


@dataclass(frozen=True, slots=True)
class FailedRun:
    """The newest retraining run of a model, where nothing came of it: `state` is failed or timed_out."""

    model: str
    run: str
    state: str
    at: datetime


@dataclass(frozen=True, slots=True)
class MissingSecret:
    """Something that is configured (`owner`, e.g. `channel ops`) names a secret that is not there."""

    owner: str
    error: str


@dataclass(frozen=True, slots=True)
class ClientFacts:
    """What a client last said of itself, all counted since its start: the records it was given, and how many of them
    were predictions. `served` None: its service does not tell.
    """

    host: str
    reported_at: datetime
    logged: int
    predictions: int
    dropped: Mapping[str, int] = field(default_factory=dict)
    dropped_at: datetime | None = None
    served: int | None = None


@dataclass(frozen=True, slots=True)
class Installed:
    """What the settings say of how this installation is reached.

    `public_host` is the host that `public_url` names, empty where it is no address; `public_is_here`: everybody's own
    machine has that name.
    """

    host: str = "127.0.0.1"
    keys_asked: bool = False
    public_url: str = ""
    public_host: str = ""
    public_is_here: bool = False
    heartbeat: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that is looked at. What stands below `database` is only known while it can be used."""

    now: datetime
    data_folder: Disk
    database: Database
    installed: Installed = Installed()
    worker_leads: bool = False
    jobs: tuple[JobFacts, ...] = ()
    backlog: Backlog = Backlog()
    channels: tuple[Outbox, ...] = ()
    routes: tuple[Route, ...] = ()
    retraining: tuple[Outbox, ...] = ()
    failed_runs: tuple[FailedRun, ...] = ()
    missing_secrets: tuple[MissingSecret, ...] = ()
    clients: tuple[ClientFacts, ...] = ()
    refused: Mapping[str, int] = field(default_factory=dict)
    good_keys: int = 0
    bare_versions: tuple[str, ...] = ()
    versions: int = 0
