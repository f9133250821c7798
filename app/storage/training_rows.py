"""Labelled predictions of a time span, slice by slice, as they were known at some time.

As for samples, the ids of predictions are walked through: there is no index on the time of an event.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, and_, exists, func, or_, select

from app.core.truth import Correction
from app.storage.engine import read
from app.storage.row_ids import among
from app.storage.sampling import first_id
from app.storage.stored_rows import corrections_of
from app.storage.tables import correction, prediction

SLICE_IDS = 50_000
SLICE_ROWS = 500

_p, _c = prediction.c, correction.c


@dataclass(frozen=True, slots=True)
class Span:
    """Which predictions are meant: of these versions of the model, of events in [since, until), stored with a batch up
    to `up_to`, as are the corrections that count.
    """

    model_id: int
    version_ids: Sequence[int]
    since: datetime
    until: datetime
    up_to: int


@dataclass(frozen=True, slots=True)
class LabelledRow:
    """A prediction and what was said about it. `features` is JSON, or empty when it was not asked for."""

    id: int
    version_id: int
    prediction_id: str
    request_id: str | None
    event_time: datetime
    predicted_class: str | None
    predicted_value: float | None
    score: float | None
    features: str
    said: Sequence[Correction]


def labelled_rows(engine: Engine, span: Span, *, features: bool) -> Iterator[list[LabelledRow]]:
    """The predictions about which anything was said, in the order of their ids, at most SLICE_ROWS at once."""
    for ids in _ids(engine, span):
        for at in range(0, len(ids), SLICE_ROWS):
            with read(engine) as connection:
                yield _rows(connection, span, ids[at : at + SLICE_ROWS], features=features)


def _ids(engine: Engine, span: Span) -> Iterator[list[int]]:
    about = and_(
        _c.model_id == span.model_id,
        _c.prediction_id == _p.prediction_id,
        or_(_c.version_id.is_(None), _c.version_id == _p.version_id),
        _c.batch_id <= span.up_to,
    )
    wanted = and_(
        (_p.version_id + 0).in_(span.version_ids),  # the sum keeps a planner from the index of all a version's rows
        _p.event_time >= span.since,
        _p.event_time < span.until,
        _p.batch_id <= span.up_to,
        exists().where(about),
    )
    with read(engine) as connection:
        first, last = first_id(connection, span.since), connection.scalar(select(func.max(_p.id)))
    if first is None or last is None:
        return
    for after in range(first - 1, last, SLICE_IDS):
        query = select(_p.id).where(_p.id > after, _p.id <= after + SLICE_IDS, wanted).order_by(_p.id)
        with read(engine) as connection:
            yield list(connection.scalars(query))


_KEY = (_p.id, _p.version_id, _p.prediction_id, _p.request_id, _p.event_time)
_ANSWER = (_p.predicted_class, _p.predicted_value, _p.score)


def _rows(connection: Connection, span: Span, ids: list[int], *, features: bool) -> list[LabelledRow]:
    columns = (*_KEY, *_ANSWER, *((_p.features,) if features else ()))
    query = select(*columns).where(among(connection, _p.id, ids)).order_by(_p.id)
    found = connection.execute(query).all()
    by_version: dict[int, list[int]] = defaultdict(list)
    for row in found:
        by_version[row.version_id].append(row.id)
    said: dict[int, list[Correction]] = {}
    for version_id, mine in by_version.items():
        said |= corrections_of(connection, span.model_id, version_id, mine, up_to=span.up_to)
    return [_row(row, said[row.id]) for row in found]


def _row(row: Row[Any], said: list[Correction]) -> LabelledRow:
    values = dict(row._mapping)
    return LabelledRow(**{"features": "", **values}, said=said)
