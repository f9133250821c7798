"""Feature values that an offline pipeline computed, and the stored predictions that they are compared with.

Predictions and offline values are each stored once and never change, so every pair is counted once: with its
prediction when the offline values came before or with it, else with the offline values.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, exists, select, text

from app.storage.row_ids import among_sql, bound
from app.storage.tables import offline_feature


def any_offline(connection: Connection) -> bool:
    """Whether anything was ever sent."""
    return bool(connection.scalar(select(exists(select(offline_feature.c.id)))))


def offline_of_batches(connection: Connection, version_id: int, batch_ids: Sequence[int]) -> dict[int, str]:
    """For predictions of these batches, by their id: offline values of the same batches, or of folded ones."""
    return _offline(connection, version_id, "p.batch_id", batch_ids, with_batches=batch_ids)


def offline_of(
    connection: Connection, version_id: int, prediction_ids: Sequence[int], batch_ids: Sequence[int] = ()
) -> dict[int, str]:
    """For these predictions: the offline values of folded batches, and of those batches."""
    return _offline(connection, version_id, "p.id", prediction_ids, with_batches=batch_ids)


def _offline(
    connection: Connection, version_id: int, column: str, ids: Sequence[int], *, with_batches: Sequence[int]
) -> dict[int, str]:
    # What waits in a batch of its own is counted when that is folded. The plus and CROSS JOIN: as for corrections.
    query = f"""
        SELECT p.id, o.features FROM prediction AS p CROSS JOIN offline_feature AS o
        WHERE {among_sql(connection, column, "ids")} AND +p.version_id = :version_id
          AND o.version_id = :version_id AND o.prediction_id = p.prediction_id
          AND ({among_sql(connection, "o.batch_id", "batches")}
               OR NOT EXISTS (SELECT 1 FROM batch AS b WHERE b.id = o.batch_id AND b.folded_at IS NULL))
    """  # noqa: S608
    values = {"ids": bound(connection, ids), "batches": bound(connection, with_batches), "version_id": version_id}
    return {row[0]: row[1] for row in connection.execute(text(query), values)}
