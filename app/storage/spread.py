"""A bounded number of stored predictions, spread over a span of time: enough to show examples, however many there are.

There is no index on the time of an event (see `app.storage.sampling`). Ids are given in the order of arrival, so short
runs of ids, evenly apart, are looked at instead; what is read does not grow with the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, func, or_, select

from app.core.model import Source
from app.storage.sampling import first_id
from app.storage.tables import prediction

RUNS = 12
RUN_IDS = 250
MOST_ROWS = 1_000
_ARRIVED = timedelta(days=2)
"""So long after the end of the span most of its rows have arrived; where none has, all ids are looked at."""

_p = prediction.c


@dataclass(frozen=True, slots=True)
class SpreadPrediction:
    """One prediction, its features and attributes as JSON texts. A label is ground truth or an audit's."""

    prediction_id: str
    event_time: datetime
    features: str
    attributes: str | None
    predicted_class: str | None
    predicted_value: float | None
    score: float | None
    label_class: str | None
    label_value: float | None


@dataclass(frozen=True, slots=True)
class Spread:
    """The predictions in the order of their ids. `turns`: how often others can be looked at before they come again."""

    rows: list[SpreadPrediction]
    turns: int


def spread_predictions(
    connection: Connection, version_id: int, since: datetime, until: datetime, turn: int = 0, *, labelled: bool = False
) -> Spread:
    """At most MOST_ROWS predictions of [since, until) from RUNS runs of RUN_IDS ids; another `turn`, other runs."""
    first = first_id(connection, since)
    if first is None:
        return Spread([], 1)
    last = connection.scalar(select(func.max(_p.id))) or first
    arrived = first_id(connection, until + _ARRIVED)
    found = Spread([], 1)
    for end in dict.fromkeys((arrived or last, last)):
        if not found.rows and end >= first:
            runs, turns = _runs(first, end, turn)
            found = Spread(_read(connection, version_id, since, until, runs, labelled=labelled), turns)
    return found


def _runs(first: int, last: int, turn: int) -> tuple[list[tuple[int, int]], int]:
    """The runs [from, to) of ids of that turn, and how many turns there are."""
    step = -(-(last - first + 1) // RUNS)
    turns = max(1, -(-step // RUN_IDS))
    offset = (turn % turns) * RUN_IDS
    starts = [first + number * step + offset for number in range(RUNS)]
    ends = [first + (number + 1) * step for number in range(RUNS)]
    return [(start, min(start + RUN_IDS, end)) for start, end in zip(starts, ends, strict=True)], turns


def _read(
    connection: Connection,
    version_id: int,
    since: datetime,
    until: datetime,
    runs: Sequence[tuple[int, int]],
    *,
    labelled: bool,
) -> list[SpreadPrediction]:
    columns = (_p.prediction_id, _p.event_time, _p.features, _p.attributes, _p.predicted_class, _p.predicted_value)
    of_run = or_(*(and_(_p.id >= start, _p.id < end) for start, end in runs))
    # `version_id + 0` keeps a planner from walking an index of all the version's rows.
    wanted = and_(of_run, _p.version_id + 0 == version_id, _p.event_time >= since, _p.event_time < until)
    if labelled:
        wanted = and_(wanted, _p.label_source.in_([Source.GROUND_TRUTH.value, Source.AUDIT.value]))
    query = select(*columns, _p.score, _p.label_class, _p.label_value, _p.label_source).where(wanted).order_by(_p.id)
    found = []
    for row in connection.execute(query):
        *values, label_class, label_value, source = tuple(row)
        if source == Source.USER.value:  # what users correct is a biased choice of rows
            label_class = label_value = None
        found.append(SpreadPrediction(*(*values, label_class, label_value)))
    return found[:: -(-len(found) // MOST_ROWS) or 1]
