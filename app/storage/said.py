"""What somebody said about a prediction."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, select

from app.core.model import Source
from app.storage.tables import correction, version

_c = correction.c


class Said(NamedTuple):
    """A correction, and the version that it is about; None: every version of the model."""

    id: int
    source: Source
    version: str | None


def newest_said(connection: Connection, model_id: int, prediction_id: str, author: str) -> Said | None:
    """The author's newest correction of the prediction that was not withdrawn."""
    taken_back = select(_c.withdraws).where(
        _c.model_id == model_id, _c.prediction_id == prediction_id, _c.withdraws.is_not(None)
    )
    query = (
        select(_c.id, _c.source, version.c.name)
        .select_from(correction.outerjoin(version, version.c.id == _c.version_id))
        .where(_c.model_id == model_id, _c.prediction_id == prediction_id, _c.author == author)
        .where(_c.withdraws.is_(None), _c.id.not_in(taken_back))
        .order_by(_c.said_at.desc(), _c.id.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else Said(row.id, Source(row.source), row.name)
