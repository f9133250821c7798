"""What became of the rows of the review queue: who has which, who decided what, and when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, case, func, or_, select

from app.core.model import Source
from app.core.review import Kind, State
from app.storage.tables import correction, prediction, review_item, version

_i, _p, _c = review_item.c, prediction.c, correction.c
_DECIDED = (State.ANSWERED.value, State.SKIPPED.value)


def waiting_by_holder(connection: Connection, model_id: int, now: datetime) -> Sequence[Row[Any]]:
    """How many rows wait: kind, holder ("" for nobody), rows, until (of the last claim that runs out).

    Rows whose truth has become known since they were drawn do not wait any more.
    """
    held = and_(_i.claimed_until.is_not(None), _i.claimed_until > now)
    holder = case((held, _i.claimed_by), else_="").label("holder")
    still_audited = and_(_i.kind == Kind.AUDIT.value, _p.label_source != Source.GROUND_TRUTH.value)
    query = (
        select(_i.kind, holder, func.count().label("rows"), func.max(_i.claimed_until).label("until"))
        .select_from(review_item.join(prediction, _p.id == _i.prediction))
        .where(_i.model_id == model_id, _i.kind.in_(list(Kind)), _i.state == State.WAITING.value)
        .where(or_(_p.label_source.is_(None), still_audited))
        .group_by(_i.kind, holder)
    )
    return connection.execute(query).all()


def decided_since(connection: Connection, model_id: int, since: datetime) -> Sequence[Row[Any]]:
    """How many rows each reviewer decided: author, kind, state, rows."""
    columns = (_i.decided_by.label("author"), _i.kind, _i.state)
    mine = (_i.model_id == model_id, _i.kind.in_(list(Kind)), _i.state.in_(_DECIDED), _i.decided_at >= since)
    return connection.execute(select(*columns, func.count().label("rows")).where(*mine).group_by(*columns)).all()


def decisions(
    connection: Connection, model_id: int, author: str | None, before: tuple[datetime, int] | None, most: int
) -> Sequence[Row[Any]]:
    """The last decisions (of the author), newest first; `before`: those older than the one of that time and row.

    item, kind, state, author, at, version, prediction_id, predicted_class, predicted_value, score, label_class and
    label_value, which are None for what was skipped.
    """
    said = and_(
        _c.model_id == _i.model_id,
        _c.prediction_id == _p.prediction_id,
        _c.author == _i.decided_by,
        _c.said_at == _i.decided_at,
        or_(_c.version_id.is_(None), _c.version_id == _i.version_id),
    )
    joined = (
        review_item.join(prediction, _p.id == _i.prediction)
        .join(version, version.c.id == _i.version_id)
        .outerjoin(correction, said)
    )
    query: Select[Any] = (
        select(
            *(_i.id.label("item"), _i.kind, _i.state, _i.decided_by.label("author"), _i.decided_at.label("at")),
            *(version.c.name.label("version"), _p.prediction_id, _p.predicted_class, _p.predicted_value, _p.score),
            *(_c.label_class, _c.label_value),
        )
        .select_from(joined)
        .where(_i.model_id == model_id, _i.kind.in_(list(Kind)), _i.state.in_(_DECIDED))
        .order_by(_i.decided_at.desc(), _i.id.desc())
        .limit(most)
    )
    if author is not None:
        query = query.where(_i.decided_by == author)
    if before is not None:
        at, item = before
        # The first condition alone lets the index begin there, rather than at the newest.
        query = query.where(_i.decided_at <= at, or_(_i.decided_at < at, _i.id < item))
    return connection.execute(query).all()
