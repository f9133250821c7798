"""A random sample of stored predictions, drawn without ever holding more than the sample.

There is no index on the time of an event: it would cost every insert, and a report is rare. Instead the ids are walked
through in slices, each a short statement, from the first row that can have been received in time; every row of the
range draws a number, and those with the smallest stay.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, and_, func, select

from app.core.model import Source
from app.core.reservoir import Reservoir
from app.core.sample import SEED
from app.storage.engine import read
from app.storage.tables import batch, prediction

SLICE_IDS = 50_000
SLICE_ROWS = 1_000
RECEIVED_BEFORE = timedelta(days=1)
"""An event is stored after it happened, but for clocks that run ahead by minutes; a day is on the safe side."""

_p = prediction.c


@dataclass(frozen=True, slots=True)
class SampledPrediction:
    """What was served and what is true of it; a label is ground truth or an audit's, never a user's correction."""

    features: str
    predicted_class: str | None
    predicted_value: float | None
    score: float | None
    label_class: str | None
    label_value: float | None


@dataclass(frozen=True, slots=True)
class Sampled:
    """The chosen rows, in the order of their ids, of `total`."""

    total: int
    rows: list[SampledPrediction]


def sample_predictions(
    engine: Engine, version_id: int, since: datetime, until: datetime, most: int, *, labelled: bool = False
) -> Sampled:
    """At most `most` predictions of [since, until), each as likely as any other; `labelled`: of those with a label."""
    wanted = and_(_p.version_id + 0 == version_id, _p.event_time >= since, _p.event_time < until)
    if labelled:
        wanted = and_(wanted, _p.label_source.in_([Source.GROUND_TRUTH.value, Source.AUDIT.value]))
    reservoir, total = Reservoir(["id"], most, SEED), 0
    for ids in _ids(engine, since, wanted):
        reservoir.add({"id": ids}, len(ids))
        total += len(ids)
    chosen = [int(one) for one in reservoir.columns()["id"]]
    rows: list[SampledPrediction] = []
    for at in range(0, len(chosen), SLICE_ROWS):
        with read(engine) as connection:
            rows += _rows(connection, chosen[at : at + SLICE_ROWS])
    return Sampled(total, rows)


def _ids(engine: Engine, since: datetime, wanted: ColumnElement[bool]) -> Iterator[list[int]]:
    """The ids of all wanted rows, slice by slice."""
    with read(engine) as connection:
        first, last = first_id(connection, since), connection.scalar(select(func.max(_p.id)))
    if first is None or last is None:
        return
    for after in range(first - 1, last, SLICE_IDS):
        # `version_id + 0` keeps a planner from walking an index of all the version's rows, once a slice.
        query = select(_p.id).where(_p.id > after, _p.id <= after + SLICE_IDS, wanted).order_by(_p.id)
        with read(engine) as connection:
            ids = list(connection.scalars(query))
        if ids:
            yield ids


def first_id(connection: Connection, since: datetime) -> int | None:
    """An id below which no row can be of an event at `since` or later."""
    received = select(func.min(batch.c.id)).where(batch.c.created_at >= since - RECEIVED_BEFORE)
    first_batch = connection.scalar(received)
    if first_batch is None:
        return None
    query = select(_p.id).where(_p.batch_id >= first_batch).order_by(_p.batch_id, _p.id).limit(1)
    return connection.scalar(query)


def _rows(connection: Connection, ids: list[int]) -> list[SampledPrediction]:
    columns = (_p.features, _p.predicted_class, _p.predicted_value, _p.score, _p.label_class, _p.label_value)
    query = select(*columns, _p.label_source).where(_p.id.in_(ids)).order_by(_p.id)
    return [_sampled(row) for row in connection.execute(query)]


def _sampled(row: Row[*tuple[Any, ...]]) -> SampledPrediction:
    features, predicted_class, predicted_value, score, label_class, label_value, source = row
    if source == Source.USER.value:
        label_class = label_value = None
    return SampledPrediction(features, predicted_class, predicted_value, score, label_class, label_value)
