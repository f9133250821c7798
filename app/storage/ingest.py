"""Storing records: one transaction writes a batch row and its predictions, corrections and offline features,
each key once.

The rows go around SQLAlchemy's statements, because this is the one place where the cost per row decides how much
traffic a collector bears. What is written is what the column types of `app.storage.types` would write.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeAlias, TypeVar, cast

from sqlalchemy import Column, Connection, String, Table, delete, insert, select, update
from sqlalchemy.exc import DBAPIError

from app.storage.tables import batch, correction, offline_feature, prediction
from app.storage.types import sqlite_number, sqlite_time

if TYPE_CHECKING:
    import psycopg

PredictionRow: TypeAlias = tuple[
    int,  # version_id
    str,  # prediction_id
    datetime,  # event_time
    str,  # features
    str | None,  # predicted_class
    float | None,  # predicted_value
    float | None,  # score
    str | None,  # class_scores
    float | None,  # latency_ms
    str | None,  # request_id
    str | None,  # unit_id
    str | None,  # attributes
]
CorrectionRow: TypeAlias = tuple[
    int,  # model_id
    int | None,  # version_id
    str,  # prediction_id
    datetime,  # said_at
    str,  # source
    str | None,  # label_class
    float | None,  # label_value
    str | None,  # author
    bool,  # shown
    int | None,  # withdraws
    float | None,  # probability
    str,  # digest
]

OfflineRow: TypeAlias = tuple[
    int,  # version_id
    str,  # prediction_id
    str,  # features
]

Row = TypeVar("Row", PredictionRow, CorrectionRow, OfflineRow)


@dataclass(frozen=True, slots=True)
class Rows:
    """What one sender asks to be stored; plain tuples, in the order of the columns, since there are many of them."""

    predictions: Sequence[PredictionRow] = ()
    corrections: Sequence[CorrectionRow] = ()
    offline: Sequence[OfflineRow] = ()

    def __len__(self) -> int:
        return len(self.predictions) + len(self.corrections) + len(self.offline)


class Inserted(NamedTuple):
    """How many rows of one sender were new."""

    predictions: int
    corrections: int
    offline: int = 0

    @property
    def total(self) -> int:
        return sum(self)


def insert_rows(connection: Connection, senders: Sequence[Rows], now: datetime) -> list[Inserted]:
    """Store the rows of all senders as one batch, within the caller's transaction.

    A key that is stored already, or that an earlier row of the same call holds, changes nothing. Gives the number of
    new rows per sender. Where nothing was new, no batch is left behind. Raises SQLAlchemy's DBAPIError.
    """
    expected = (
        sum(len(rows.predictions) for rows in senders),
        sum(len(rows.corrections) for rows in senders),
        sum(len(rows.offline) for rows in senders),
    )
    batch_id = _open_batch(connection, expected, now)
    predictions = _insert_new(connection, _PREDICTIONS, batch_id, [rows.predictions for rows in senders])
    corrections = _insert_new(connection, _CORRECTIONS, batch_id, [rows.corrections for rows in senders])
    offline = _insert_new(connection, _OFFLINE, batch_id, [rows.offline for rows in senders])
    stored = (sum(predictions), sum(corrections), sum(offline))
    if stored != expected:
        _settle_batch(connection, batch_id, stored)
    return list(map(Inserted, predictions, corrections, offline))


_COUNTS = ("predictions", "corrections", "offline_features")


def _open_batch(connection: Connection, expected: Sequence[int], now: datetime) -> int:
    values = {"created_at": now, **dict(zip(_COUNTS, expected, strict=True))}
    key = connection.execute(insert(batch).values(values)).inserted_primary_key
    assert key is not None
    return int(key[0])


def _settle_batch(connection: Connection, batch_id: int, stored: Sequence[int]) -> None:
    if any(stored):
        counts = dict(zip(_COUNTS, stored, strict=True))
        connection.execute(update(batch).where(batch.c.id == batch_id).values(counts))
    else:
        connection.execute(delete(batch).where(batch.c.id == batch_id))


@dataclass(frozen=True, slots=True, eq=False)
class _Target(Generic[Row]):
    """A table, the columns that its rows come with, the key that each may have once, and SQLite's form of the rows."""

    table: Table
    columns: tuple[str, ...]
    key: tuple[Column[Any], ...]
    key_of: Callable[[Row], tuple[Any, ...]]
    for_sqlite: Callable[[int, Iterable[Row]], Iterator[tuple[Any, ...]]]

    @property
    def listed(self) -> str:
        return ", ".join(self.columns)


def _insert_new(
    connection: Connection, target: _Target[Row], batch_id: int, senders: Sequence[Sequence[Row]]
) -> list[int]:
    """Insert what is new of the senders' rows; how many that were, per sender."""
    rows = list(chain.from_iterable(senders))
    if not rows:
        return [0] * len(senders)
    store = _insert_sqlite if connection.dialect.name == "sqlite" else _insert_postgres
    if store(connection, target, batch_id, rows) == len(rows):
        return [len(part) for part in senders]
    stored = connection.execute(select(*target.key).where(target.table.c.batch_id == batch_id))
    return _attribute(set(map(tuple, stored)), [list(map(target.key_of, part)) for part in senders])


def _attribute(stored: set[tuple[Any, ...]], senders: Iterable[Iterable[tuple[Any, ...]]]) -> list[int]:
    """How many of the stored keys each sender brought; one that several brought was the first one's."""
    counts = []
    for keys in senders:
        new = stored.intersection(keys)
        stored -= new
        counts.append(len(new))
    return counts


# --- SQLite -----------------------------------------------------------------------------------------------------------

_ROWS_PER_STATEMENT = 500
"""At each statement the driver lets go of the interpreter, and waits to get it back where other threads are busy."""


def _insert_sqlite(connection: Connection, target: _Target[Any], batch_id: int, rows: Sequence[tuple[Any, ...]]) -> int:
    columns = zip(("batch_id", *target.columns), zip(*target.for_sqlite(batch_id, rows), strict=True), strict=True)
    # Most senders leave most optional columns out, and each would cost a binding per row.
    used = {name: values for name, values in columns if any(value is not None for value in values)}
    values = list(zip(*used.values(), strict=True))
    names, table = tuple(used), target.table.name
    most = min(_ROWS_PER_STATEMENT, _most_parameters(connection) // len(names))
    rest = len(values) % most
    new = 0
    for start in range(0, len(values) - rest, most):
        flat = tuple(chain.from_iterable(values[start : start + most]))
        new += connection.exec_driver_sql(_sqlite_insert(table, names, most), flat).rowcount
    if rest:
        new += connection.exec_driver_sql(_sqlite_insert(table, names, 1), values[-rest:]).rowcount
    return new


def _most_parameters(connection: Connection) -> int:
    """How many values one statement may bind: 32,766 since SQLite 3.32, 999 before."""
    driver = cast(sqlite3.Connection, connection.connection.driver_connection)
    return driver.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)


@lru_cache(maxsize=256)
def _sqlite_insert(table: str, columns: tuple[str, ...], rows: int) -> str:
    row = f"({', '.join('?' * len(columns))})"
    values = ", ".join([row] * rows)
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {values} ON CONFLICT DO NOTHING"  # noqa: S608


def _sqlite_predictions(batch_id: int, rows: Iterable[PredictionRow]) -> Iterator[tuple[Any, ...]]:
    number, time = sqlite_number, sqlite_time
    for version, key, at, features, class_, value, score, scores, latency, request, unit, attributes in rows:
        yield (
            *(batch_id, version, key, time(at), features, class_, number(value), number(score)),
            *(scores, number(latency), request, unit, attributes),
        )


def _sqlite_corrections(batch_id: int, rows: Iterable[CorrectionRow]) -> Iterator[tuple[Any, ...]]:
    for model, version, key, said_at, source, class_, value, *others in rows:
        yield (batch_id, model, version, key, sqlite_time(said_at), source, class_, sqlite_number(value), *others)


# --- PostgreSQL: COPY to a temporary table, and from there what is new ------------------------------------------------


def _insert_postgres(
    connection: Connection, target: _Target[Any], batch_id: int, rows: Sequence[tuple[Any, ...]]
) -> int:
    cursor = cast("psycopg.Cursor[Any]", connection.connection.cursor())
    with _sqlalchemy_errors(connection), cursor:
        cursor.execute(_create_incoming(target))
        with cursor.copy(f"COPY incoming_{target.table} (position, {target.listed}) FROM STDIN") as copy:
            for position, row in enumerate(rows):
                copy.write_row((position, *row))
        cursor.execute(_insert_incoming(target), (batch_id,))
        return cursor.rowcount


def _create_incoming(target: _Target[Any]) -> str:
    return (
        f"CREATE TEMPORARY TABLE IF NOT EXISTS incoming_{target.table} ON COMMIT DELETE ROWS AS "  # noqa: S608
        f"SELECT 0 AS position, {target.listed} FROM {target.table} WITH NO DATA"
    )


def _insert_incoming(target: _Target[Any]) -> str:
    # In the order of the key: two collectors that store the same rows then wait for each other, where in any other
    # order each could come to wait for the other. "C" is the order of bytes: the same everywhere, and quick to sort.
    key = [f'{column.name} COLLATE "C"' if isinstance(column.type, String) else column.name for column in target.key]
    return (
        f"INSERT INTO {target.table} (batch_id, {target.listed}) SELECT %s, {target.listed} "  # noqa: S608
        f"FROM incoming_{target.table} ORDER BY {', '.join(key)}, position ON CONFLICT DO NOTHING"
    )


@contextmanager
def _sqlalchemy_errors(connection: Connection) -> Iterator[None]:
    """COPY is beyond SQLAlchemy; its errors shall be the same as those of every other statement all the same."""
    dialect = connection.dialect
    base = dialect.loaded_dbapi.Error
    try:
        yield
    except base as error:
        lost = dialect.is_disconnect(error, None, None)
        raise DBAPIError.instance(
            "COPY", None, error, base, dialect=dialect, connection_invalidated=lost, hide_parameters=True
        ) from error


# --- The three tables -------------------------------------------------------------------------------------------------

_PREDICTIONS: _Target[PredictionRow] = _Target(
    table=prediction,
    columns=(
        *("version_id", "prediction_id", "event_time", "features", "predicted_class", "predicted_value", "score"),
        *("class_scores", "latency_ms", "request_id", "unit_id", "attributes"),
    ),
    key=(prediction.c.version_id, prediction.c.prediction_id),
    key_of=lambda row: row[:2],
    for_sqlite=_sqlite_predictions,
)
_CORRECTIONS: _Target[CorrectionRow] = _Target(
    table=correction,
    columns=(
        *("model_id", "version_id", "prediction_id", "said_at", "source", "label_class", "label_value"),
        *("author", "shown", "withdraws", "probability", "digest"),
    ),
    key=(correction.c.digest,),
    key_of=lambda row: row[-1:],
    for_sqlite=_sqlite_corrections,
)
_OFFLINE: _Target[OfflineRow] = _Target(
    table=offline_feature,
    columns=("version_id", "prediction_id", "features"),
    key=(offline_feature.c.version_id, offline_feature.c.prediction_id),
    key_of=lambda row: row[:2],
    for_sqlite=lambda batch_id, rows: ((batch_id, *row) for row in rows),
)
