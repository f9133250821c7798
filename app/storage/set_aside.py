"""What of folded batches waits: the rows of a version that could not be counted, while those of all others were."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, literal, select

from app.storage.row_ids import among
from app.storage.tables import batch, set_aside
from app.storage.unfolded import MOST_BATCHES, Batches, first_of


def put_aside(connection: Connection, version_ids: Collection[int], batch_ids: Sequence[int]) -> None:
    """Let the versions' part of the batches wait, in the transaction that marks the batches folded."""
    for version_id in sorted(version_ids):
        theirs = select(literal(version_id), batch.c.id).where(among(connection, batch.c.id, batch_ids))
        connection.execute(insert(set_aside).from_select(["version_id", "batch_id"], theirs))


def versions_aside(connection: Connection) -> list[int]:
    """Ids of the versions of which something waits."""
    column = set_aside.c.version_id
    return list(connection.scalars(select(column).distinct().order_by(column)))


def aside_since(connection: Connection) -> dict[int, datetime]:
    """By version: when the oldest batch was stored of which its part waits."""
    joined = set_aside.join(batch, batch.c.id == set_aside.c.batch_id)
    query = select(set_aside.c.version_id, func.min(batch.c.created_at)).select_from(joined)
    return {row[0]: row[1] for row in connection.execute(query.group_by(set_aside.c.version_id))}


def next_aside(connection: Connection, version_id: int, most: int, *, correction_weight: int) -> Batches:
    """The oldest batches of which the version's part waits, as many as `next_batches` gives."""
    query = (
        select(batch.c.id, batch.c.predictions, batch.c.corrections, batch.c.offline_features)
        .join(set_aside, set_aside.c.batch_id == batch.c.id)
        .where(set_aside.c.version_id == version_id)
        .order_by(batch.c.id)
        .limit(MOST_BATCHES)
    )
    return first_of(connection.execute(query), most, correction_weight)


def take_back(connection: Connection, version_id: int, batch_ids: Sequence[int]) -> bool:
    """Let the version's part of the batches wait no more; False when it no longer does for any of them."""
    theirs = set_aside.c.version_id == version_id, among(connection, set_aside.c.batch_id, batch_ids)
    return connection.execute(delete(set_aside).where(*theirs)).rowcount == len(batch_ids)


def take_all_back(connection: Connection, version_id: int) -> None:
    """Let nothing of the version wait: a part of every rebuild, which counts all of its rows."""
    connection.execute(delete(set_aside).where(set_aside.c.version_id == version_id))
