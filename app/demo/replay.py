"""A year in minutes: what happened on each day goes to the collector, then the worker's jobs run as on that day."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Engine, select

from app.core.messages import subject_text
from app.demo.clock import Clock
from app.demo.collector import Collector
from app.demo.errors import DemoError
from app.demo.flights import FEATURES
from app.demo.questions import Question
from app.demo.registration import FIRST
from app.demo.reviews import corrections
from app.demo.serving import ANSWER, Service, Takeover
from app.demo.trainer import Trainer
from app.services.rounds import run_round
from app.services.schedule import Job
from app.settings import Settings
from app.storage import tables
from app.storage.engine import read
from app.storage.jobs import RunState

DAY = timedelta(days=1)
JOBS = tuple(job for job in Job if job not in {Job.WATCH, Job.HEARTBEAT})
"""All but those that look after the worker, which would find it a day late every day."""

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
ROUND_HOUR = timedelta(hours=12)
"""The jobs run once per simulated day, at noon UTC: the morning in New York, when yesterday's flights have landed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Alerts of one check that changed together; `subjects` say what they are about, and of which airport."""

    at: datetime
    check: str
    state: str
    subjects: Sequence[str]


@dataclass(frozen=True, slots=True)
class Step:
    """What one simulated day brought."""

    now: datetime
    records: int
    findings: Sequence[Finding]
    takeover: Takeover | None


def rounds(first: datetime, end: datetime) -> list[datetime]:
    """The times at which the jobs run for the windows in [first, end): at noon after each."""
    return [first + day * DAY + DAY + ROUND_HOUR for day in range((end - first) // DAY)]


class Production:
    """All that happens: flights as they are answered at `departure`, corrections as they are said at `said_at`, and
    features as the offline pipeline has them at `computed_at`. What is said depends on who answers.
    """

    def __init__(self, service: Service, offline: pd.DataFrame) -> None:
        self._service, self._offline = service, offline
        self.refresh()

    def refresh(self) -> None:
        """Another version answers from now on."""
        flights, question = self._service.flights, self._service.question
        said, offline = corrections(flights, question), self._offline
        offline = offline.assign(version=offline["id"].map(flights.set_index("id")["version"]))
        self._feeds = {
            "/v1/predictions": _Feed(flights, "departure", lambda rows: _predictions(rows, question)),
            "/v1/corrections": _Feed(said, "said_at", lambda rows: _corrections(rows, question)),
            "/v1/features": _Feed(offline, "computed_at", lambda rows: _offline_features(rows, question)),
        }

    def between(self, since: datetime, until: datetime) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
        """Where to send what, of [since, until)."""
        return ((path, feed.between(since, until)) for path, feed in self._feeds.items())


@dataclass(frozen=True, slots=True, eq=False)
class Cast:
    """Everybody who takes part."""

    engine: Engine
    settings: Settings
    clock: Clock
    collector: Collector
    service: Service
    trainer: Trainer


def replay(cast: Cast, production: Production, times: Sequence[datetime]) -> Iterator[Step]:
    """Send what is known at each time, in the order in which it happened, and run the jobs with that time as present.

    What the jobs ask the trainer for is done before the next day begins: the clock goes on as fast as real time, and
    flights that depart later than a new version went live are answered by that one.
    Raises DemoError when a record is not accepted or a job fails.
    """
    before = EARLIEST
    for now in times:
        cast.clock.set(now)
        sent = 0
        for path, records in production.between(before, now):
            cast.collector.send(path, records)
            sent += len(records)
        _run_jobs(cast, now)
        cast.trainer.wait()
        takeover = cast.service.look()
        if takeover is not None:
            production.refresh()
            _drill(cast, takeover)
        yield Step(now, sent, _findings(cast.engine, now), takeover)
        before = now


def _drill(cast: Cast, takeover: Takeover) -> None:
    """Once, after the first takeover: can the serving side go back?"""
    if not cast.service.drills and takeover.version != FIRST:
        cast.collector.post(f"/v1/models/{cast.service.question.model}/drills", {"author": "demo"})
        cast.service.look()


def _run_jobs(cast: Cast, now: datetime) -> None:
    summary = run_round(cast.engine, cast.settings, now, environment=os.environ, jobs=JOBS, force=True, spaced=False)
    if summary.failed:
        failed = "; ".join(f"{run.job}: {run.detail}" for run in summary.jobs if run.outcome is RunState.FAILED)
        raise DemoError(f"the jobs of {now:%Y-%m-%d %H:%M} UTC failed: {failed}")


class _Feed:
    """Rows in the order of a time, handed out as that time passes."""

    def __init__(
        self, rows: pd.DataFrame, time: str, records: Callable[[pd.DataFrame], list[Mapping[str, Any]]]
    ) -> None:
        self._rows, self._records = rows, records
        self._times = rows[time].dt.tz_localize(None).to_numpy()

    def between(self, since: datetime, until: datetime) -> list[Mapping[str, Any]]:
        """The records of the rows in [since, until)."""
        bounds = [np.datetime64(time.replace(tzinfo=None)) for time in (since, until)]
        start, end = np.searchsorted(self._times, bounds).tolist()
        return self._records(self._rows.iloc[start:end])


def _predictions(rows: pd.DataFrame, question: Question) -> list[Mapping[str, Any]]:
    answers = rows[[name for name in ("version", *ANSWER) if name in rows]]
    served = zip(rows["id"], _texts(rows["departure"]), _features(rows), _rows(answers), strict=True)
    return [
        {
            "model": question.model,
            "prediction_id": identity,
            "timestamp": time,
            "features": values,
            **dict(zip(answers.columns, answer, strict=True)),
        }
        for identity, time, values, answer in served
    ]


def _corrections(rows: pd.DataFrame, question: Question) -> list[Mapping[str, Any]]:
    columns = ["prediction_id", "value", "source", "author", "shown", "probability"]
    said = zip(_rows(rows[columns]), _texts(rows["said_at"]), strict=True)
    return [
        {
            "model": question.model,
            "prediction_id": identity,
            "timestamp": time,
            "value": None if value is None else question.value(value),
            "source": source,
            "author": author,
            "shown": shown,
            "probability": probability,
        }
        for (identity, value, source, author, shown, probability), time in said
    ]


def _offline_features(rows: pd.DataFrame, question: Question) -> list[Mapping[str, Any]]:
    computed = zip(rows["id"], rows["version"], _features(rows), strict=True)
    return [
        {"model": question.model, "version": version, "prediction_id": identity, "features": values}
        for identity, version, values in computed
    ]


def _features(rows: pd.DataFrame) -> Iterator[Mapping[str, Any]]:
    return (dict(zip(FEATURES, values, strict=True)) for values in _rows(rows[FEATURES]))


def _rows(frame: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    """The rows as plain values, None where missing."""
    return zip(*(_values(frame[name]) for name in frame), strict=True)


def _values(column: pd.Series[Any]) -> list[Any]:
    """Plain values, None where missing."""
    return [None if missing else value for value, missing in zip(column.tolist(), column.isna().tolist(), strict=True)]


def _texts(times: pd.Series[pd.Timestamp]) -> list[str]:
    """UTC times as RFC 3339."""
    return [f"{text}Z" for text in np.datetime_as_string(times.dt.tz_localize(None).to_numpy(), unit="s").tolist()]


def _findings(engine: Engine, now: datetime) -> list[Finding]:
    """What changed in this round, check by check."""
    alert, transition = tables.alert.c, tables.alert_transition.c
    query = (
        select(alert.check, transition.new_state, alert.segment, alert.subject)
        .join_from(tables.alert, tables.alert_transition)
        .where(transition.old_state != transition.new_state)  # not what only became worse
        .where(transition.at >= now)  # a round goes on for a while after the time it began at
        .order_by(alert.check, transition.new_state, alert.segment, alert.subject)
    )
    changed: dict[tuple[str, str], list[str]] = {}
    with read(engine) as connection:
        for check, state, segment, subject in connection.execute(query):
            changed.setdefault((check, state), []).append(subject_text(subject, segment) or "all rows")
    return [Finding(now, check, state, subjects) for (check, state), subjects in changed.items()]
