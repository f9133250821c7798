"""The words of the product as frozen values: models, versions, windows, measurements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum


class Task(StrEnum):
    """What a model predicts."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"


class WindowLength(StrEnum):
    """How much event time one profile covers."""

    HOUR = "hour"
    DAY = "day"

    @property
    def delta(self) -> timedelta:
        return timedelta(hours=1) if self is WindowLength.HOUR else timedelta(days=1)

    def start_of(self, time: datetime) -> datetime:
        """The start, in UTC, of the window that holds `time` (which must carry a zone)."""
        utc = time.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        return utc if self is WindowLength.HOUR else utc.replace(hour=0)


class Source(StrEnum):
    """Who says what the truth is, weakest first: `strength` orders them."""

    USER = "user"
    AUDIT = "audit"
    GROUND_TRUTH = "ground_truth"

    @property
    def strength(self) -> int:
        return tuple(Source).index(self)


class Stage(StrEnum):
    """Where a version stands between registration and retirement."""

    REGISTERED = "registered"
    SHADOW = "shadow"
    CANARY = "canary"
    LIVE = "live"
    RETIRED = "retired"

    @property
    def answers(self) -> bool:
        """Whether somebody uses what such a version answers."""
        return self in {Stage.CANARY, Stage.LIVE}


class Outcome(StrEnum):
    """The verdict of a check. `not_evaluated` always carries a reason and is never shown as healthy."""

    OK = "ok"
    BREACH = "breach"
    NOT_EVALUATED = "not_evaluated"


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """[start, end) of event time, in UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Model:
    """A named model and the limits its owner declared.

    `fire_after`: windows in breach until an alert fires, by check ("*": of any other check); at once where not given.
    `tags`: words to find it by among others, in order.
    """

    name: str
    task: Task
    window: WindowLength = WindowLength.DAY
    owner: str = ""
    positive_label: str = "1"
    confident_threshold: float = 0.9
    label_delay: timedelta = timedelta(0)
    max_staleness: timedelta | None = None
    max_drill_age: timedelta = timedelta(days=90)
    segment_by: tuple[str, ...] = ()
    false_alarms_per_month: float = 1.0
    fire_after: Mapping[str, int] = field(default_factory=dict, hash=False)
    tags: tuple[str, ...] = ()
    project: str = "default"
    id: int = 0


@dataclass(frozen=True, slots=True)
class Version:
    """One trained artefact of a model and how it is deployed."""

    model_id: int
    name: str
    stage: Stage = Stage.LIVE
    decision_threshold: float = 0.5
    newest_training_row: datetime | None = None
    deployed_at: datetime | None = None
    framework: str = ""
    format: str = ""
    runtime: str = ""
    hardware: str = ""
    inference_mode: str = ""
    deployment_target: str = ""
    dependencies: Mapping[str, str] = field(default_factory=dict)
    training_set: str = ""
    """The hash of the training set that it was trained on; empty where nobody said."""
    created_at: datetime | None = None
    id: int = 0


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one check found for one subject in one window.

    `value`, `limit`, `lower` and `upper` are in the unit of `statistic`; `value` is None exactly when nothing could
    be computed. `limit` is the bound on the side of `value`; the band of what is normal is `normal` +- |limit - normal|
    (for a distance `normal` is None and the band is [0, limit]). `lower` and `upper` bound the uncertainty of `value`.
    `expected_rate` is how many new false alerts of this subject its limit lets us expect per window, where it is known.
    """

    check: str
    subject: str
    window: Window
    statistic: str
    outcome: Outcome
    value: float | None = None
    limit: float | None = None
    reason: str = ""
    segment: str | None = None
    lower: float | None = None
    upper: float | None = None
    expected_rate: float | None = None
    normal: float | None = None
