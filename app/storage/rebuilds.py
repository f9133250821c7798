"""Rebuilds under way: versions whose profiles are counted anew from their rows, and how far that has come."""

from __future__ import annotations

from sqlalchemy import Connection, delete, func, select, update

from app.storage.profiles import delete_profiles
from app.storage.segments import segment_all
from app.storage.set_aside import take_all_back
from app.storage.tables import batch, measurement, prediction, uploaded_profile, version
from app.storage.verdict_counts import forget_verdicts


def request_rebuild(connection: Connection, version_id: int) -> None:
    """Throw away the version's profiles and measurements, to be counted anew from rows and uploads by the next fold.

    Part of the caller's transaction, so that whatever made the profiles wrong and their end happen together.
    """
    # The version first: on PostgreSQL this waits for a fold that is about to add to the profiles, and then sees them.
    connection.execute(update(version).where(version.c.id == version_id).values(rebuild_position=0))
    delete_profiles(connection, version_id)
    take_all_back(connection, version_id)
    segment_all(connection, version_id)
    connection.execute(
        update(uploaded_profile).where(uploaded_profile.c.version_id == version_id).values(counted_at=None)
    )
    connection.execute(delete(measurement).where(measurement.c.version_id == version_id))
    forget_verdicts(connection, version_id)


def rebuilding(connection: Connection) -> list[int]:
    """Ids of the versions whose rebuild is under way."""
    query = select(version.c.id).where(version.c.rebuild_position.is_not(None)).order_by(version.c.id)
    return list(connection.scalars(query))


def advance_rebuild(connection: Connection, version_id: int, old: int, new: int | None) -> bool:
    """Record how far the rebuild has come (None: to its end); False when it is no longer where we saw it."""
    there = (version.c.id == version_id) & (version.c.rebuild_position == old)
    return connection.execute(update(version).where(there).values(rebuild_position=new)).rowcount == 1


def folded_rows(connection: Connection, version_id: int) -> int:
    """Predictions of the version that are counted in its profiles, or will be once it is rebuilt."""
    folded = batch.c.folded_at.is_not(None) & (prediction.c.version_id == version_id)
    joined = prediction.join(batch, batch.c.id == prediction.c.batch_id)
    return connection.scalar(select(func.count()).select_from(joined).where(folded)) or 0
