"""What somebody said about a prediction."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, or_, select

from app.core.model import Source
from app.storage.tables import correction, version

_c = correction.c


class Said(NamedTuple):
    """A correction, and the version that it is about; None: every version of the model."""

    id: int
    source: Source
    said_at: datetime
    version_id: int | None
    version: str | None


def newest_said(
    connection: Connection, model_id: int, prediction_id: str, author: str, version_id: int | None = None
) -> Said | None:
    """The author's newest correction of the prediction that was not withdrawn, of those that are about the version."""
    query = _standing(model_id, prediction_id, author)
    if version_id is not None:
        query = query.where(or_(_c.version_id.is_(None), _c.version_id == version_id))
    return _newest(connection, query)


def said_at(
    connection: Connection, model_id: int, prediction_id: str, author: str, version_id: int, at: datetime
) -> Said | None:
    """What the author said at that very moment about the version's prediction; None for nothing, or withdrawn."""
    query = _standing(model_id, prediction_id, author)
    return _newest(connection, query.where(_c.version_id == version_id, _c.said_at == at))


def _standing(model_id: int, prediction_id: str, author: str) -> Select[Any]:
    about = (_c.model_id == model_id, _c.prediction_id == prediction_id)
    taken_back = select(_c.withdraws).where(*about, _c.withdraws.is_not(None))
    return (
        select(_c.id, _c.source, _c.said_at, _c.version_id, version.c.name)
        .select_from(correction.outerjoin(version, version.c.id == _c.version_id))
        .where(*about, _c.author == author, _c.withdraws.is_(None), _c.id.not_in(taken_back))
    )


def _newest(connection: Connection, query: Select[Any]) -> Said | None:
    row = connection.execute(query.order_by(_c.said_at.desc(), _c.id.desc()).limit(1)).one_or_none()
    return None if row is None else Said(row.id, Source(row.source), row.said_at, row.version_id, row.name)
