"""Batches that wait to be folded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from app.storage.row_ids import among
from app.storage.tables import batch

MOST_BATCHES = 5_000  # in one slice, however small they are


@dataclass(frozen=True, slots=True)
class Batches:
    """Batches claimed together, and the rows they hold."""

    ids: Sequence[int]
    predictions: int
    corrections: int
    offline: int = 0


def newest_batch(connection: Connection) -> int:
    """The id of the newest batch; 0 when there is none."""
    return connection.scalar(select(func.max(batch.c.id))) or 0


def batches_waiting(connection: Connection) -> int:
    """How many batches no fold has counted."""
    return connection.scalar(select(func.count()).select_from(batch).where(batch.c.folded_at.is_(None))) or 0


def rows_waiting(connection: Connection) -> int:
    """Predictions, corrections and offline values that no fold has counted."""
    total = select(func.sum(batch.c.predictions + batch.c.corrections + batch.c.offline_features)).where(
        batch.c.folded_at.is_(None)
    )
    return int(connection.scalar(total) or 0)


def waiting_since(connection: Connection) -> datetime | None:
    """When the oldest batch that no fold has counted was stored; None when none waits."""
    oldest = select(batch.c.created_at).where(batch.c.folded_at.is_(None)).order_by(batch.c.id).limit(1)
    return connection.scalar(oldest)


def next_batches(connection: Connection, most: int, *, correction_weight: int, up_to: int) -> Batches:
    """The oldest unfolded batches with an id of at most `up_to`: one, and more while they hold up to `most` rows.

    A correction counts as `correction_weight` rows, since it makes the fold write to a prediction.
    """
    query = (
        select(batch.c.id, batch.c.predictions, batch.c.corrections, batch.c.offline_features)
        .where(batch.c.folded_at.is_(None), batch.c.id <= up_to)
        .order_by(batch.c.id)
        .limit(MOST_BATCHES)
    )
    return first_of(connection.execute(query), most, correction_weight)


def first_of(rows: Iterable[Row[Any]], most: int, correction_weight: int) -> Batches:
    """The first batch of the rows (id, predictions, corrections, offline_features), and more while they fit."""
    ids: list[int] = []
    predictions = corrections = offline = 0
    for row in rows:
        weight = predictions + row.predictions + correction_weight * (corrections + row.corrections)
        weight += offline + row.offline_features
        if ids and weight > most:
            break
        ids.append(row.id)
        predictions += row.predictions
        corrections += row.corrections
        offline += row.offline_features
    return Batches(ids, predictions, corrections, offline)


def counted_sql(row: str) -> str:
    """The condition, for a statement written by hand, that nothing waits any more to count the row of that alias, of
    a version: neither its batch nor what of the batch was set aside.
    """
    return f"""
        NOT EXISTS (SELECT 1 FROM batch AS b WHERE b.id = {row}.batch_id AND b.folded_at IS NULL)
        AND NOT EXISTS (
            SELECT 1 FROM set_aside AS s WHERE s.version_id = {row}.version_id AND s.batch_id = {row}.batch_id)
    """  # noqa: S608  names of ours, never values


def mark_folded(connection: Connection, ids: Sequence[int], now: datetime) -> bool:
    """Mark the batches; False when any of them is folded already or gone."""
    mark = update(batch).where(among(connection, batch.c.id, ids), batch.c.folded_at.is_(None)).values(folded_at=now)
    return connection.execute(mark).rowcount == len(ids)
