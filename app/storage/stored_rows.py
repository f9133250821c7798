"""Stored predictions and what was said about them, as columns: the way from rows to profiles.

The statements are written by hand and their values taken as the driver gives them, because this is where the cost per
row decides how fast a backlog is counted. Times become integers and numbers are parsed a whole column at a time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from app.core.model import Source
from app.core.records import number
from app.core.truth import Correction, RowTruth
from app.storage.portions import portions
from app.storage.row_ids import among_sql, bound
from app.storage.types import sqlite_time
from app.storage.unfolded import counted_sql

_PREDICTION = "p.id, p.version_id, {time}, p.predicted_class, p.predicted_value, p.score, p.latency_ms"
_TRUTH = "p.label_class, p.label_value, p.label_source, p.shown, p.corrected, p.audited, {time}"
_TRUTH_WIDTH = 7
_COUNTED = counted_sql("p")

_SOURCES = {source.value: source for source in Source}
NEWEST = 2**63 - 1


@dataclass(frozen=True, slots=True, eq=False)
class StoredPredictions:
    """N predictions of one version as columns; numbers as the database holds them (None, float, or text such as NaN).

    `times` [N] in microseconds since 1970 in UTC. `features` and `attributes` are JSON texts and `truths` what is
    counted for each prediction; each is empty when it was not asked for.
    """

    ids: Sequence[int]
    times: NDArray[np.int64]
    predicted_class: Sequence[str | None]
    predicted_value: Sequence[Any]
    score: Sequence[Any]
    latency_ms: Sequence[Any]
    features: Sequence[str] = ()
    truths: Sequence[RowTruth] = ()
    attributes: Sequence[str | None] = ()

    def take(self, positions: Sequence[int]) -> StoredPredictions:
        """The predictions at those positions."""
        return StoredPredictions(
            [self.ids[i] for i in positions],
            self.times[np.array(positions, np.intp)],
            [self.predicted_class[i] for i in positions],
            [self.predicted_value[i] for i in positions],
            [self.score[i] for i in positions],
            [self.latency_ms[i] for i in positions],
            [self.features[i] for i in positions] if self.features else (),
            [self.truths[i] for i in positions] if self.truths else (),
            [self.attributes[i] for i in positions] if self.attributes else (),
        )


Portions: TypeAlias = Iterator[tuple[int, StoredPredictions]]
"""Predictions by the id of their version, which may come several times: so many at once as memory is to hold."""


def fresh_predictions(connection: Connection, batch_ids: Sequence[int], *, attributes: bool = False) -> Portions:
    """The predictions of the batches, with features, and attributes where these are asked for."""
    query = f"""
        SELECT {_prediction(connection)}, {_served(attributes)} FROM prediction AS p
        WHERE {among_sql(connection, "p.batch_id", "ids")}
    """  # noqa: S608
    return _portions(connection, query, batch_ids, attributes=attributes)


def counted_predictions(connection: Connection, batch_ids: Sequence[int], *, attributes: bool = False) -> Portions:
    """Predictions folded before that corrections of the batches concern, with what is counted for them.

    `attributes`: with their attributes, and the features, which may stand for them.
    """
    # CROSS JOIN keeps SQLite to this order, from the few corrections to their predictions.
    concerned = f"""
        SELECT DISTINCT {_prediction(connection)}, {_truth_columns(connection)}
        FROM correction AS c CROSS JOIN version AS v CROSS JOIN prediction AS p
        WHERE {among_sql(connection, "c.batch_id", "ids")}
          AND v.model_id = c.model_id AND (c.version_id IS NULL OR c.version_id = v.id)
          AND p.version_id = v.id AND p.prediction_id = c.prediction_id AND {_COUNTED}
    """  # noqa: S608
    if not attributes:
        rows = _fetch(connection, concerned, ids=bound(connection, batch_ids))
        yield from ((version_id, _columns(mine, truth=True)) for version_id, mine in _by_version(rows))
        return
    # Joined afterwards, so that telling rows apart does not hold all their texts.
    query = f"""
        SELECT known.*, {_served(attributes)} FROM ({concerned}) AS known CROSS JOIN prediction AS p
        WHERE p.id = known.id
    """  # noqa: S608
    yield from _portions(connection, query, batch_ids, truth=True, attributes=True)


def compared_predictions(connection: Connection, batch_ids: Sequence[int], *, attributes: bool = False) -> Portions:
    """Predictions folded before for which the batches hold offline values, with their features."""
    query = f"""
        SELECT {_prediction(connection)}, {_served(attributes)}
        FROM offline_feature AS o CROSS JOIN prediction AS p
        WHERE {among_sql(connection, "o.batch_id", "ids")}
          AND p.version_id = o.version_id AND p.prediction_id = o.prediction_id AND {_COUNTED}
    """  # noqa: S608
    return _portions(connection, query, batch_ids, attributes=attributes)


def folded_predictions(
    connection: Connection, version_id: int, after: int, most: int, *, attributes: bool = False
) -> Iterator[StoredPredictions]:
    """Up to `most` folded predictions of the version with an id above `after`, in the order of their ids."""
    # The plus keeps SQLite from reading the whole version by its index, for every slice of it.
    query = f"""
        SELECT {_prediction(connection)}, {_truth_columns(connection)}, {_served(attributes)} FROM prediction AS p
        WHERE +p.version_id = :version_id AND p.id > :after AND {_COUNTED} ORDER BY p.id LIMIT :most
    """  # noqa: S608
    values = {"version_id": version_id, "after": after, "most": most}
    for rows in portions(connection, query, _texts(attributes), **values):
        yield _columns(rows, truth=True, features=True, attributes=attributes)


def corrections_of(
    connection: Connection, model_id: int, version_id: int, prediction_ids: Sequence[int], *, up_to: int = NEWEST
) -> dict[int, list[Correction]]:
    """Everything said about these predictions of the version, by the prediction's id; `up_to`: by which batch."""
    return _corrections(connection, model_id, version_id, "p.id", prediction_ids, up_to)


def corrections_of_batches(
    connection: Connection, model_id: int, version_id: int, batch_ids: Sequence[int]
) -> dict[int, list[Correction]]:
    """The same for all predictions of the version that came with these batches."""
    return _corrections(connection, model_id, version_id, "p.batch_id", batch_ids)


def _corrections(
    connection: Connection, model_id: int, version_id: int, column: str, ids: Sequence[int], up_to: int = NEWEST
) -> dict[int, list[Correction]]:
    # The plus keeps SQLite from reading the whole version by its index; CROSS JOIN, from going through all corrections.
    query = f"""
        SELECT p.id, c.id, {_time(connection, "c.said_at")}, c.source, c.label_class, c.label_value, c.shown,
            c.withdraws, c.author, c.probability
        FROM prediction AS p CROSS JOIN correction AS c
        WHERE {among_sql(connection, column, "ids")} AND +p.version_id = :version_id
          AND c.model_id = :model_id AND c.prediction_id = p.prediction_id
          AND (c.version_id IS NULL OR c.version_id = :version_id) AND c.batch_id <= :up_to
    """  # noqa: S608
    wanted = {"ids": bound(connection, ids), "model_id": model_id, "version_id": version_id, "up_to": up_to}
    rows = _fetch(connection, query, **wanted)
    if not rows:
        return {}
    about, ids, times, sources, classes, values, shown, *others = zip(*rows, strict=True)
    columns = (
        ids,
        _microseconds(times).tolist(),
        map(_SOURCES.__getitem__, sources),
        classes,
        map(number, values),  # SQLite holds NaN as a text
        map(bool, shown),
        *others,
    )
    found: dict[int, list[Correction]] = defaultdict(list)
    for prediction_id, said in zip(about, map(Correction, *columns), strict=True):
        found[prediction_id].append(said)
    return found


def save_truths(connection: Connection, truths: Mapping[int, RowTruth]) -> None:
    """Keep beside each prediction (by its id) the truth that is counted for it."""
    if not truths:
        return
    sqlite = connection.dialect.name == "sqlite"
    rows = [
        (
            *(id_, t.label_class, t.label_value, t.source and t.source.value, t.shown, t.corrected, t.audited),
            None if t.labelled_at is None else _stored_time(t.labelled_at, sqlite=sqlite),
        )
        for id_, t in truths.items()
    ]
    if sqlite:
        connection.exec_driver_sql(_SAVE_SQLITE, [(*values, id_) for id_, *values in rows])
    else:
        connection.execute(
            text(_SAVE_POSTGRES), dict(zip(_SAVE_NAMES, map(list, zip(*rows, strict=True)), strict=True))
        )


_SAVE_SQLITE = """
    UPDATE prediction SET label_class = ?, label_value = ?, label_source = ?, shown = ?, corrected = ?, audited = ?,
        labelled_at = ?
    WHERE id = ?
"""
_SAVE_NAMES = ("ids", "classes", "numbers", "sources", "shown", "corrected", "audited", "times")
_SAVE_POSTGRES = """
    UPDATE prediction AS p
    SET label_class = t.label_class, label_value = t.label_value, label_source = t.label_source,
        shown = t.shown, corrected = t.corrected, audited = t.audited, labelled_at = t.labelled_at
    FROM unnest(
        CAST(:ids AS bigint[]), CAST(:classes AS text[]), CAST(:numbers AS float8[]), CAST(:sources AS text[]),
        CAST(:shown AS boolean[]), CAST(:corrected AS boolean[]), CAST(:audited AS boolean[]),
        CAST(:times AS timestamptz[])
    ) AS t(id, label_class, label_value, label_source, shown, corrected, audited, labelled_at)
    WHERE p.id = t.id
"""


def _prediction(connection: Connection) -> str:
    return _PREDICTION.format(time=_time(connection, "p.event_time"))


def _served(attributes: bool) -> str:
    return "p.attributes, p.features" if attributes else "p.features"


def _texts(attributes: bool) -> int:
    """How many columns `_served` has."""
    return 2 if attributes else 1


def _truth_columns(connection: Connection) -> str:
    return _TRUTH.format(time=_time(connection, "p.labelled_at"))


def _stored_time(microseconds: int, *, sqlite: bool) -> str | datetime:
    time = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=microseconds)
    return sqlite_time(time) if sqlite else time


def _time(connection: Connection, column: str) -> str:
    """A time as `_microseconds` reads it: text from SQLite, a whole number from PostgreSQL, never an object per row."""
    return column if connection.dialect.name == "sqlite" else f"CAST(extract(epoch FROM {column}) * 1000000 AS bigint)"


def _microseconds(times: Sequence[str] | Sequence[int]) -> NDArray[np.int64]:
    """Microseconds since 1970 in UTC."""
    stored = np.array(times, "datetime64[us]" if isinstance(times[0], str) else np.int64)
    return stored.astype(np.int64)


def _fetch(connection: Connection, query: str, **values: object) -> list[tuple[Any, ...]]:
    """All rows as the driver makes them: a tuple each costs half of what SQLAlchemy's row objects do."""
    result = connection.execute(text(query), values)
    assert result.cursor is not None
    rows: list[tuple[Any, ...]] = result.cursor.fetchall()  # type: ignore[assignment]
    result.close()
    return rows


def _portions(
    connection: Connection, query: str, batch_ids: Sequence[int], *, truth: bool = False, attributes: bool
) -> Portions:
    """The predictions of a query that ends in `_served`, as many at once as memory is to hold."""
    for rows in portions(connection, query, _texts(attributes), ids=bound(connection, batch_ids)):
        for version_id, mine in _by_version(rows):
            yield version_id, _columns(mine, truth=truth, features=True, attributes=attributes)


def _by_version(rows: list[tuple[Any, ...]]) -> Iterable[tuple[int, list[tuple[Any, ...]]]]:
    versions = {row[1] for row in rows}
    if len(versions) == 1:
        return [(versions.pop(), rows)]
    return [(version_id, [row for row in rows if row[1] == version_id]) for version_id in sorted(versions)]


def _columns(
    rows: Sequence[Any], *, truth: bool = False, features: bool = False, attributes: bool = False
) -> StoredPredictions:
    if not rows:
        return StoredPredictions([], np.zeros(0, np.int64), [], [], [], [])
    ids, _version, times, classes, values, scores, latencies, *others = zip(*rows, strict=True)
    truths = _truths(others[:_TRUTH_WIDTH]) if truth else ()
    texts = others[-1] if features else ()
    given = others[-2] if attributes else ()
    return StoredPredictions(ids, _microseconds(times), classes, values, scores, latencies, texts, truths, given)


def _truths(columns: Sequence[Sequence[Any]]) -> list[RowTruth]:
    classes, values, sources, shown, corrected, audited, times = columns
    known = [None if source is None else _SOURCES[source] for source in sources]
    labelled = [time for time in times if time is not None]
    at = iter(_microseconds(labelled).tolist() if labelled else [])
    labelled_at = [None if time is None else next(at) for time in times]
    flags = (map(bool, flag) for flag in (shown, corrected, audited))
    return list(map(RowTruth, classes, values, known, *flags, labelled_at))
