"""Rows that people keep out of training sets: added and ended, never changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from app.core.training_set import Exclusion
from app.storage.tables import exclusion

_e = exclusion.c


def add_exclusion(connection: Connection, model_id: int, new: Exclusion) -> int:
    """Store an exclusion (its id does not matter) and return its id."""
    values = {
        "model_id": model_id,
        "since": new.since,
        "until": new.until,
        "prediction_ids": sorted(new.prediction_ids) or None,
        "author": new.author,
        "comment": new.comment,
        "created_at": new.created_at,
    }
    key = connection.execute(insert(exclusion).values(values)).inserted_primary_key
    assert key is not None
    return int(key[0])


def end_exclusion(connection: Connection, model_id: int, ends: int, author: str, now: datetime) -> None:
    """Let an exclusion that has not ended hold no longer."""
    values = {"model_id": model_id, "ends": ends, "author": author, "comment": "", "created_at": now}
    connection.execute(insert(exclusion).values(values))


def list_exclusions(connection: Connection, model_id: int, up_to: int | None = None) -> list[Exclusion]:
    """The model's, the oldest first, as they stood when the row with the id `up_to` was the newest."""
    query = select(exclusion).where(_e.model_id == model_id).order_by(_e.id)
    rows = connection.execute(query if up_to is None else query.where(_e.id <= up_to)).all()
    ended = {row.ends: row for row in rows if row.ends is not None}
    return [_exclusion(row, ended.get(row.id)) for row in rows if row.ends is None]


def _exclusion(row: Row[Any], end: Row[Any] | None) -> Exclusion:
    return Exclusion(
        row.id,
        row.author,
        row.comment,
        row.created_at,
        row.since,
        row.until,
        frozenset(row.prediction_ids or ()),
        end.author if end else "",
        end.created_at if end else None,
    )
