"""A year in minutes: what happened on each day goes to the collector, then the worker's jobs run as on that day."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Engine, select

from app.core.messages import subject_text
from app.demo.collector import Collector
from app.demo.errors import DemoError
from app.demo.flights import FEATURES
from app.demo.questions import Question
from app.demo.registration import VERSION
from app.services.rounds import run_round
from app.settings import Settings
from app.storage import tables
from app.storage.engine import read
from app.storage.jobs import RunState

DAY = timedelta(days=1)
ROUND_HOUR = timedelta(hours=12)
"""The jobs run once per simulated day, at noon UTC: the morning in New York, when yesterday's flights have landed."""


@dataclass(frozen=True, slots=True)
class Production:
    """All that is going to happen: `flights` as they are answered at `departure`, `corrections` as they are said at
    `said_at`, and features as the `offline` pipeline has them at `computed_at`, each in the order of that time.
    """

    flights: pd.DataFrame
    corrections: pd.DataFrame
    offline: pd.DataFrame


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


def rounds(first: datetime, end: datetime) -> list[datetime]:
    """The times at which the jobs run for the windows in [first, end): at noon after each."""
    return [first + day * DAY + DAY + ROUND_HOUR for day in range((end - first) // DAY)]


def replay(
    engine: Engine,
    settings: Settings,
    collector: Collector,
    question: Question,
    production: Production,
    times: Sequence[datetime],
) -> Iterator[Step]:
    """Send what is known at each time, in the order in which it happened, and run the jobs with that time as present.

    Raises DemoError when a record is not accepted or a job fails.
    """
    feeds = {
        "/v1/predictions": _Feed(production.flights, "departure", lambda rows: _predictions(rows, question)),
        "/v1/corrections": _Feed(production.corrections, "said_at", lambda rows: _corrections(rows, question)),
        "/v1/features": _Feed(production.offline, "computed_at", lambda rows: _offline(rows, question)),
    }
    for now in times:
        sent = 0
        for path, feed in feeds.items():
            records = feed.until(now)
            collector.send(path, records)
            sent += len(records)
        summary = run_round(engine, settings, now, force=True, environment=os.environ, spaced=False)
        if summary.failed:
            failed = "; ".join(f"{run.job}: {run.detail}" for run in summary.jobs if run.outcome is RunState.FAILED)
            raise DemoError(f"the jobs of {now:%Y-%m-%d %H:%M} UTC failed: {failed}")
        yield Step(now, sent, _findings(engine, now))


class _Feed:
    """Rows in the order of a time, handed out as that time passes."""

    def __init__(
        self, rows: pd.DataFrame, time: str, records: Callable[[pd.DataFrame], list[Mapping[str, Any]]]
    ) -> None:
        self._rows, self._records = rows, records
        self._times = rows[time].dt.tz_localize(None).to_numpy()
        self._next = 0

    def until(self, now: datetime) -> list[Mapping[str, Any]]:
        """The records of all rows before `now` that have not been handed out yet."""
        end = int(np.searchsorted(self._times, np.datetime64(now.replace(tzinfo=None))))
        rows, self._next = self._rows.iloc[self._next : end], end
        return self._records(rows)


def _predictions(rows: pd.DataFrame, question: Question) -> list[Mapping[str, Any]]:
    answers = rows[[name for name in ("prediction", "score", "latency_ms") if name in rows]]
    served = zip(rows["id"], _texts(rows["departure"]), _features(rows), _rows(answers), strict=True)
    return [
        {
            "model": question.model,
            "version": VERSION,
            "prediction_id": identity,
            "timestamp": time,
            "features": values,
            **dict(zip(answers.columns, answer, strict=True)),
        }
        for identity, time, values, answer in served
    ]


def _corrections(rows: pd.DataFrame, question: Question) -> list[Mapping[str, Any]]:
    said = zip(
        _rows(rows[["prediction_id", "value", "source", "author", "shown"]]), _texts(rows["said_at"]), strict=True
    )
    return [
        {
            "model": question.model,
            "prediction_id": identity,
            "timestamp": time,
            "value": None if value is None else question.value(value),
            "source": source,
            "author": author,
            "shown": shown,
        }
        for (identity, value, source, author, shown), time in said
    ]


def _offline(rows: pd.DataFrame, question: Question) -> list[Mapping[str, Any]]:
    computed = zip(rows["id"], _features(rows), strict=True)
    return [
        {"model": question.model, "version": VERSION, "prediction_id": identity, "features": values}
        for identity, values in computed
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
