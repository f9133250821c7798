"""Stored predictions and what was said about them, as columns: the way from rows to profiles.

The statements are written by hand and their values taken as the driver gives them, because this is where the cost per
row decides how fast a backlog is counted. Times become integers and numbers are parsed a whole column at a time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from app.core.model import Source
from app.core.truth import Correction, RowTruth
from app.storage.row_ids import among_sql, bound

_PREDICTION = "p.id, p.version_id, p.event_time, p.predicted_class, p.predicted_value, p.score, p.latency_ms"
_TRUTH = "p.label_class, p.label_value, p.label_source, p.shown, p.corrected, p.audited"
_TRUTH_WIDTH = 6
_NOT_WAITING = "NOT EXISTS (SELECT 1 FROM batch AS b WHERE b.id = p.batch_id AND b.folded_at IS NULL)"

_SOURCES = {source.value: source for source in Source}


@dataclass(frozen=True, slots=True, eq=False)
class StoredPredictions:
    """N predictions of one version as columns; numbers as the database holds them (None, float, or text such as NaN).

    `times` [N] in microseconds since 1970 in UTC. `features` are JSON texts and `truths` what is counted for each
    prediction; either is empty when it was not asked for.
    """

    ids: Sequence[int]
    times: NDArray[np.int64]
    predicted_class: Sequence[str | None]
    predicted_value: Sequence[Any]
    score: Sequence[Any]
    latency_ms: Sequence[Any]
    features: Sequence[str] = ()
    truths: Sequence[RowTruth] = ()

    def take(self, positions: Sequence[int]) -> StoredPredictions:
        """The predictions at those positions, without their features."""
        return StoredPredictions(
            [self.ids[i] for i in positions],
            self.times[np.array(positions, np.intp)],
            [self.predicted_class[i] for i in positions],
            [self.predicted_value[i] for i in positions],
            [self.score[i] for i in positions],
            [self.latency_ms[i] for i in positions],
            truths=[self.truths[i] for i in positions],
        )


def fresh_predictions(connection: Connection, batch_ids: Sequence[int]) -> dict[int, StoredPredictions]:
    """The predictions of the batches by version, with features."""
    query = f"SELECT {_PREDICTION}, p.features FROM prediction AS p WHERE {among_sql(connection, 'p.batch_id', 'ids')}"  # noqa: S608
    rows = connection.execute(text(query), {"ids": bound(connection, batch_ids)}).fetchall()
    return {version_id: _columns(mine, features=True) for version_id, mine in _by_version(rows).items()}


def counted_predictions(connection: Connection, batch_ids: Sequence[int]) -> dict[int, StoredPredictions]:
    """Predictions folded before that corrections of the batches concern, by version, with what is counted for them."""
    # CROSS JOIN keeps SQLite to this order, from the few corrections to their predictions.
    query = f"""
        SELECT DISTINCT {_PREDICTION}, {_TRUTH}
        FROM correction AS c CROSS JOIN version AS v CROSS JOIN prediction AS p
        WHERE {among_sql(connection, "c.batch_id", "ids")}
          AND v.model_id = c.model_id AND (c.version_id IS NULL OR c.version_id = v.id)
          AND p.version_id = v.id AND p.prediction_id = c.prediction_id AND {_NOT_WAITING}
    """  # noqa: S608
    rows = connection.execute(text(query), {"ids": bound(connection, batch_ids)}).fetchall()
    return {version_id: _columns(mine, truth=True) for version_id, mine in _by_version(rows).items()}


def folded_predictions(connection: Connection, version_id: int, after: int, most: int) -> StoredPredictions:
    """Up to `most` folded predictions of the version with an id above `after`, in the order of their ids."""
    query = f"""
        SELECT {_PREDICTION}, {_TRUTH}, p.features FROM prediction AS p
        WHERE p.version_id = :version_id AND p.id > :after AND {_NOT_WAITING} ORDER BY p.id LIMIT :most
    """  # noqa: S608
    values = {"version_id": version_id, "after": after, "most": most}
    return _columns(connection.execute(text(query), values).fetchall(), truth=True, features=True)


def corrections_of(connection: Connection, prediction_ids: Sequence[int]) -> dict[int, list[Correction]]:
    """Everything said about the predictions, by the prediction's id; those of which nothing was said are left out."""
    query = f"""
        SELECT p.id, c.id, c.said_at, c.source, c.label_class, c.label_value, c.shown
        FROM prediction AS p CROSS JOIN version AS v CROSS JOIN correction AS c
        WHERE {among_sql(connection, "p.id", "ids")} AND v.id = p.version_id AND c.model_id = v.model_id
          AND c.prediction_id = p.prediction_id AND (c.version_id IS NULL OR c.version_id = p.version_id)
    """  # noqa: S608
    rows = connection.execute(text(query), {"ids": bound(connection, prediction_ids)}).fetchall()
    if not rows:
        return {}
    about, ids, said_at, sources, classes, values, shown = zip(*rows, strict=True)
    found: dict[int, list[Correction]] = defaultdict(list)
    columns = zip(about, ids, microseconds(said_at).tolist(), sources, classes, values, shown, strict=True)
    for prediction_id, id_, at, source, label_class, label_value, was_shown in columns:
        value = None if label_value is None else float(label_value)
        found[prediction_id].append(Correction(id_, at, _SOURCES[source], label_class, value, bool(was_shown)))
    return found


def save_truths(connection: Connection, truths: Mapping[int, RowTruth]) -> None:
    """Keep beside each prediction (by its id) the truth that is counted for it."""
    if not truths:
        return
    rows = [
        (id_, t.label_class, t.label_value, t.source and t.source.value, t.shown, t.corrected, t.audited)
        for id_, t in truths.items()
    ]
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_SAVE_SQLITE, [(*values, id_) for id_, *values in rows])
    else:
        connection.execute(
            text(_SAVE_POSTGRES), dict(zip(_SAVE_NAMES, map(list, zip(*rows, strict=True)), strict=True))
        )


_SAVE_SQLITE = """
    UPDATE prediction SET label_class = ?, label_value = ?, label_source = ?, shown = ?, corrected = ?, audited = ?
    WHERE id = ?
"""
_SAVE_NAMES = ("ids", "classes", "numbers", "sources", "shown", "corrected", "audited")
_SAVE_POSTGRES = """
    UPDATE prediction AS p
    SET label_class = t.label_class, label_value = t.label_value, label_source = t.label_source,
        shown = t.shown, corrected = t.corrected, audited = t.audited
    FROM unnest(
        CAST(:ids AS bigint[]), CAST(:classes AS text[]), CAST(:numbers AS float8[]), CAST(:sources AS text[]),
        CAST(:shown AS boolean[]), CAST(:corrected AS boolean[]), CAST(:audited AS boolean[])
    ) AS t(id, label_class, label_value, label_source, shown, corrected, audited)
    WHERE p.id = t.id
"""


def microseconds(times: Sequence[datetime] | Sequence[str]) -> NDArray[np.int64]:
    """Times as a driver gives them, as microseconds since 1970 in UTC."""
    if times and isinstance(times[0], str):  # SQLite, in UTC
        return np.array(times, "datetime64[us]").astype(np.int64)
    # Seconds as a double are off by less than a quarter of a microsecond, so that rounding gives the exact one.
    seconds = np.fromiter((time.timestamp() for time in times), np.float64, len(times))  # type: ignore[union-attr]
    return np.rint(seconds * 1e6).astype(np.int64)


def _by_version(rows: Iterable[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row[1]].append(row)
    return found


def _columns(rows: Sequence[Any], *, truth: bool = False, features: bool = False) -> StoredPredictions:
    if not rows:
        return StoredPredictions([], np.zeros(0, np.int64), [], [], [], [])
    ids, _version, times, classes, values, scores, latencies, *others = zip(*rows, strict=True)
    truths = list(map(_truth, *others[:_TRUTH_WIDTH])) if truth else ()
    texts = others[-1] if features else ()
    return StoredPredictions(ids, microseconds(times), classes, values, scores, latencies, texts, truths)


def _truth(
    label_class: str | None, label_value: float | None, source: str | None, shown: bool, corrected: bool, audited: bool
) -> RowTruth:
    known = None if source is None else _SOURCES[source]
    return RowTruth(label_class, label_value, known, bool(shown), bool(corrected), bool(audited))
