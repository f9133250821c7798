"""What a year of watching found, month by month, from what the checks stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
from sqlalchemy import Engine, func, select

from app.core.labels import labelled
from app.core.model import Outcome, Task
from app.core.profile import OutcomeCounts
from app.demo.flights import PRODUCTION_START, YEAR_END
from app.demo.questions import Question
from app.services.read_models.measurement_rows import MOST_ROWS, measurements
from app.storage import tables
from app.storage.alerts import begins_to_fire
from app.storage.catalogue import find_model, list_versions
from app.storage.engine import read
from app.storage.evaluations import outcomes_between
from app.storage.outbox import SendState

_KEY = ["window_start", "version"]
REALISED, ESTIMATED, SKEW, CONCEPT = "realised", "estimated", "skew", "concept drift"


def titles(question: Question) -> dict[str, str]:
    """The series that the table follows, by name; a regression model has no scores for concepts to drift from."""
    measure = question.measure if question.measure == "accuracy" else question.measure.upper()
    named = {REALISED: f"realised {measure}", ESTIMATED: f"estimated {measure}", SKEW: SKEW}
    return named if question.task is Task.REGRESSION else {**named, CONCEPT: CONCEPT}


def _sources(question: Question) -> dict[str, tuple[str, str | None]]:
    """Check and subject (None: all) of each series."""
    sources = {
        REALISED: ("performance", question.measure),
        ESTIMATED: ("estimated_performance", question.measure),
        SKEW: ("training_serving_skew", None),
        CONCEPT: ("concept_drift", ""),
    }
    return {series: sources[series] for series in titles(question)}


@dataclass(frozen=True, slots=True)
class Month:
    """One month of the original year. Quality is over all its labelled, or all its, predictions.

    `breach_days` holds, by series, the days on which it was in breach; `skewed` the features, the most days first.
    """

    name: str
    first_day: date
    last_day: date
    versions: Sequence[str]
    predictions: int
    labelled: int
    realised: float
    estimated: float
    breach_days: Mapping[str, int]
    skewed: Sequence[str]


@dataclass(frozen=True, slots=True)
class Sent:
    """How much went out."""

    alerts: int
    messages: int
    requests: int


def months(engine: Engine, question: Question, shift: timedelta) -> list[Month]:
    """Every month of the year that was replayed, moved back by `shift` to where it was."""
    measured = {
        series: _measured(engine, question, check, subject) for series, (check, subject) in _sources(question).items()
    }
    days = _days(engine, question, PRODUCTION_START + shift, YEAR_END + shift)
    for series in (REALISED, ESTIMATED):
        values = measured[series].rename(columns={"value": series})
        days = days.merge(values[[*_KEY, series]].astype({series: float}), "left", _KEY)
    names = (days["window_start"] - shift).dt.strftime("%Y-%m")
    return [_month(name, part, measured) for name, part in days.groupby(names)]


def first_alarms(engine: Engine) -> dict[str, datetime]:
    """When each check that ever alarmed, about all rows or an airport, did so first."""
    alert, transition = tables.alert.c, tables.alert_transition.c
    query = (
        select(alert.check, func.min(transition.at).label("first"))
        .join_from(tables.alert, tables.alert_transition)
        .where(begins_to_fire())
        .group_by(alert.check)
        .order_by(func.min(transition.at), alert.check)
    )
    with read(engine) as connection:
        return {row.check: row.first for row in connection.execute(query)}


def sent(engine: Engine) -> Sent:
    """How many alerts were raised, and how many messages and retraining requests were accepted by the other side."""
    delivery, action = tables.delivery.c, tables.action.c
    queries = (
        select(func.count()).where(begins_to_fire()),
        select(func.count()).where(delivery.state == SendState.DELIVERED.value),
        select(func.count()).where(action.state == SendState.DELIVERED.value),
    )
    with read(engine) as connection:
        return Sent(*(connection.scalar(query) or 0 for query in queries))


def _month(name: str, days: pd.DataFrame, measured: Mapping[str, pd.DataFrame]) -> Month:
    breaches = {
        series: rows[rows["window_start"].isin(days["window_start"]) & (rows["outcome"] == Outcome.BREACH.value)]
        for series, rows in measured.items()
    }
    return Month(
        name=name,
        first_day=days["window_start"].min().date(),
        last_day=days["window_start"].max().date(),
        versions=days["version"].unique().tolist(),
        predictions=int(days["rows"].sum()),
        labelled=int(days["labelled"].sum()),
        realised=_weighted(days[REALISED], days["labelled"]),
        estimated=_weighted(days[ESTIMATED], days["rows"]),
        breach_days={series: rows["window_start"].nunique() for series, rows in breaches.items()},
        skewed=breaches[SKEW]["subject"].value_counts().index.tolist(),
    )


def _weighted(values: pd.Series[float], weights: pd.Series[int]) -> float:
    known = values.notna()
    return float(np.average(values[known], weights=weights[known])) if weights[known].sum() else float("nan")


def _days(engine: Engine, question: Question, start: datetime, end: datetime) -> pd.DataFrame:
    """Predictions (`rows`) and those with a label, by the start of the window and the version that served."""
    with read(engine) as connection:
        model = find_model(connection, question.model)
        parts = [
            _counted(outcomes_between(connection, version.id, start, end)).assign(version=version.name)
            for version in list_versions(connection, model.id)
        ]
    days = pd.concat(parts, ignore_index=True)
    return days[days["rows"] > 0].sort_values(_KEY, ignore_index=True)


def _counted(stored: Mapping[datetime, tuple[int, OutcomeCounts]]) -> pd.DataFrame:
    if not stored:
        return pd.DataFrame({"window_start": pd.DatetimeIndex([], tz="UTC"), "rows": [], "labelled": []})
    counts = OutcomeCounts.stack([outcomes for _, outcomes in stored.values()])
    return pd.DataFrame({"window_start": list(stored), "rows": counts.rows, "labelled": labelled(counts)})


def _measured(engine: Engine, question: Question, check: str, subject: str | None) -> pd.DataFrame:
    """What was measured about all rows of each version."""
    rows = measurements(engine, model=question.model, check=check, subject=subject, segment="", limit=MOST_ROWS)
    return pd.DataFrame(rows, columns=[*_KEY, "subject", "value", "outcome"])
