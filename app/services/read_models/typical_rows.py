"""What the rows of a version's reference look like, for one row to be compared with."""

from __future__ import annotations

from sqlalchemy import Engine

from app.core.row_comparison import Typical
from app.services.read_models.known import known_of
from app.storage.catalogue import find_model, find_version
from app.storage.engine import snapshot
from app.storage.samples import find_importance


def typical_rows(engine: Engine, model: str, version: str) -> Typical | None:
    """All windows of the version's reference together; None without one. Raises NotFoundError."""
    with snapshot(engine) as connection:
        version_id = find_version(connection, find_model(connection, model).id, version).id
        known = known_of(connection, version_id)
        if known is None:
            return None
        return Typical.of(known.layout, known.reference(), find_importance(connection, version_id))
