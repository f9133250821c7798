"""Whether a version that was to be loaded again answers as it did when it was live: pure decisions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import takewhile

from app.core.deployments import Candidate
from app.core.records import Scalar, class_name, number

ROWS = 20
"""Logged predictions that a version has to repeat."""
TOLERANCE = 1e-4
"""How far a number may be from the logged one, as part of it (of 1, where it is smaller): other hardware rounds so."""
PROMPT = timedelta(minutes=10)
"""How long the serving side may take, where nobody says otherwise."""


class DrillState(StrEnum):
    """Where a drill stands."""

    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    CALLED_OFF = "called_off"  # it proves nothing, neither way


@dataclass(frozen=True, slots=True)
class Logged:
    """What the version said of one request when it was live: a score, a class, a number, or several of them."""

    prediction_id: str
    features: str  # JSON, as logged
    score: float | None
    predicted_class: str | None
    predicted_value: float | None


@dataclass(frozen=True, slots=True)
class Repeated:
    """What the serving side says of the same request now."""

    prediction_id: str
    score: float | None = None
    prediction: Scalar = None


@dataclass(frozen=True, slots=True)
class Drill:
    """One trial. The times are None for what has not happened; `called_off_by`: who called it off, or empty."""

    id: int
    model: str
    version: str
    state: DrillState
    author: str
    started_at: datetime
    deadline: datetime
    asked_at: datetime | None
    answered_at: datetime | None
    finished_at: datetime | None
    rows: int
    reason: str
    called_off_by: str = ""

    @property
    def steps(self) -> dict[str, timedelta | None]:
        """How long each step took: until the serving side heard of it, loaded the version, and was believed."""
        times = (self.started_at, self.asked_at, self.answered_at, self.finished_at if self.answered_at else None)
        names = ("heard", "loaded_and_answered", "compared")
        return {
            name: None if before is None or after is None else after - before
            for name, before, after in zip(names, times[:-1], times[1:], strict=True)
        }

    @property
    def ended(self) -> str:
        """How it came to its end, such as `it failed: no answer`; empty while it runs."""
        why = f": {self.reason}" if self.reason else ""
        match self.state:
            case DrillState.RUNNING:
                return ""
            case DrillState.CALLED_OFF:
                return f"{self.called_off_by} called it off{why}"
            case _:
                return f"it {self.state.value}{why}"

    def why_late(self) -> str:
        """What the serving side failed to do until the deadline."""
        waited = f"within {(self.deadline - self.started_at).total_seconds():g} s"
        if self.asked_at is None:
            return f"nobody asked for the rows {waited}: does the serving side listen for drills?"
        return f"the rows were fetched, and no answer came {waited}"


def differences(logged: Sequence[Logged], repeated: Sequence[Repeated], said: str, wanted: str) -> str:
    """Why the answers of the version `said` are no proof that `wanted` was loaded; empty when they are."""
    if said != wanted:
        return f"version {said!r} answered, not {wanted!r}"
    by_id = {one.prediction_id: one for one in repeated}
    missing = [one.prediction_id for one in logged if one.prediction_id not in by_id]
    if missing:
        return f"{len(missing)} of {len(logged)} rows are not answered, such as {missing[0]!r}"
    wrong = [text for one in logged if (text := _difference(one, by_id[one.prediction_id]))]
    return f"{len(wrong)} of {len(logged)} answers are not those of the version: {wrong[0]}" if wrong else ""


def _difference(logged: Logged, repeated: Repeated) -> str:
    pairs: Mapping[str, tuple[str | float | None, str | float | None]] = {
        "score": (logged.score, repeated.score),
        "class": (logged.predicted_class, class_name(repeated.prediction)),
        "value": (logged.predicted_value, _number(repeated.prediction)),
    }
    compared = {name: pair for name, pair in pairs.items() if None not in pair}
    if not compared:
        return f"{logged.prediction_id!r} has neither the score nor the prediction that was logged"
    for name, (was, now) in compared.items():
        if not _same(was, now):
            return f"{logged.prediction_id!r} has {name} {now!r}, logged was {was!r}"
    return ""


def _number(value: Scalar) -> float | None:
    try:
        return number(value)
    except ValueError:  # a class, and no number
        return None


def _same(was: object, now: object) -> bool:
    if isinstance(was, float) and isinstance(now, float):
        return (math.isnan(was) and math.isnan(now)) or math.isclose(
            was, now, rel_tol=TOLERANCE, abs_tol=TOLERANCE if abs(was) <= 1 else 0.0
        )
    return was == now


@dataclass(frozen=True, slots=True)
class Recovery:
    """What is known about going back. `fallback` is the version that a rollback leads to; None: there is none.

    `earlier` versions were live before, `ready` of them could be again, and `why_not` says what the others lack.
    `passed_at` is when a drill of `fallback` passed last; `failures` of it ended otherwise since, the newest for the
    reason `failure`. `tried`: has any drill of it ended?
    """

    fallback: str | None
    earlier: int
    ready: int
    why_not: str
    tried: bool = False
    passed_at: datetime | None = None
    failures: int = 0
    failure: str = ""


def recovery(earlier: Sequence[Candidate], drills: Sequence[Drill]) -> Recovery:
    """From the earlier versions, the last one that was live first, and the model's drills, the newest first."""
    ready = [one.name for one in earlier if not one.why_not]
    why_not = "; ".join(f"{one.name} {one.why_not}" for one in earlier if one.why_not)
    if not ready:
        return Recovery(None, len(earlier), 0, why_not)
    of_it = [one for one in drills if one.version == ready[0]]
    ended = [one for one in of_it if one.state in {DrillState.PASSED, DrillState.FAILED}]
    since_pass = list(takewhile(lambda one: one.state is DrillState.FAILED, ended))
    passed = ended[len(since_pass)] if len(since_pass) < len(ended) else None
    return Recovery(
        ready[0],
        len(earlier),
        len(ready),
        why_not,
        tried=bool(ended),
        passed_at=None if passed is None else passed.finished_at,
        failures=len(since_pass),
        failure=since_pass[0].reason if since_pass else "",
    )
