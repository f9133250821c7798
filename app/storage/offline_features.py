"""Feature values that an offline pipeline computed, and the stored predictions that they are compared with.

Predictions and offline values are each stored once and never change, so every pair is counted once: with its
prediction when the offline values came before or with it, else with the offline values.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, exists, select

from app.storage.portions import portions
from app.storage.row_ids import among_sql, bound
from app.storage.tables import offline_feature
from app.storage.unfolded import counted_sql


def any_offline(connection: Connection) -> bool:
    """Whether anything was ever sent."""
    return bool(connection.scalar(select(exists(select(offline_feature.c.id)))))


def offline_of(
    connection: Connection, version_id: int, prediction_ids: Sequence[int], batch_ids: Sequence[int] = ()
) -> Iterator[dict[int, str]]:
    """For these predictions, by their id: the offline values of folded batches, and of those batches; as many at once
    as memory is to hold.
    """
    # What waits in a batch of its own is counted when that is folded. The plus and CROSS JOIN: as for corrections.
    query = f"""
        SELECT p.id, o.features FROM prediction AS p CROSS JOIN offline_feature AS o
        WHERE {among_sql(connection, "p.id", "ids")} AND +p.version_id = :version_id
          AND o.version_id = :version_id AND o.prediction_id = p.prediction_id
          AND ({among_sql(connection, "o.batch_id", "batches")}
               OR {counted_sql("o")})
    """  # noqa: S608
    values = {"ids": bound(connection, prediction_ids), "batches": bound(connection, batch_ids)}
    for rows in portions(connection, query, 1, version_id=version_id, **values):
        yield dict(rows)
