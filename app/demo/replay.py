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
class Finding:
    """Alerts of one check that changed together."""

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
    flights: pd.DataFrame,
    corrections: pd.DataFrame,
    times: Sequence[datetime],
) -> Iterator[Step]:
    """Send what is known at each time, in the order in which it happened, and run the jobs with that time as present.

    Raises DemoError when a record is not accepted or a job fails.
    """
    predictions = _Feed(flights, "departure", lambda rows: _predictions(rows, question))
    said = _Feed(corrections, "said_at", lambda rows: _corrections(rows, question))
    for now in times:
        sent = predictions.until(now)
        collector.send("/v1/predictions", sent)
        heard = said.until(now)
        collector.send("/v1/corrections", heard)
        summary = run_round(engine, settings, now, force=True, environment=os.environ)
        if summary.failed:
            failed = "; ".join(f"{run.job}: {run.detail}" for run in summary.jobs if run.outcome is RunState.FAILED)
            raise DemoError(f"the jobs of {now:%Y-%m-%d %H:%M} UTC failed: {failed}")
        yield Step(now, len(sent) + len(heard), _findings(engine, now))


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
    features = [dict(zip(FEATURES, values, strict=True)) for values in _rows(rows[FEATURES])]
    answers = rows[[name for name in ("prediction", "score", "latency_ms") if name in rows]]
    served = zip(rows["id"], _texts(rows["departure"]), features, _rows(answers), strict=True)
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
        select(alert.check, transition.new_state, alert.subject)
        .join_from(tables.alert, tables.alert_transition)
        .where(transition.at >= now)  # a round goes on for a while after the time it began at
        .order_by(alert.check, transition.new_state, alert.subject)
    )
    changed: dict[tuple[str, str], list[str]] = {}
    with read(engine) as connection:
        for check, state, subject in connection.execute(query):
            changed.setdefault((check, state), []).append(subject)
    return [Finding(now, check, state, subjects) for (check, state), subjects in changed.items()]
