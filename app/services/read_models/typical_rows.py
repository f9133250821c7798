"""What the rows of a version's reference look like, for one row to be compared with."""

from __future__ import annotations

from sqlalchemy import Engine

from app.core.row_comparison import Typical
from app.services.read_models.histogram import reference_counts
from app.storage.catalogue import find_model, find_version
from app.storage.engine import read
from app.storage.references import find_layout
from app.storage.samples import find_importance


def typical_rows(engine: Engine, model: str, version: str) -> Typical | None:
    """All windows of the version's reference together; None without one. Raises NotFoundError."""
    with read(engine) as connection:
        version_id = find_version(connection, find_model(connection, model).id, version).id
        layout, importance = find_layout(connection, version_id), find_importance(connection, version_id)
    return None if layout is None else Typical.of(layout, reference_counts(engine, version_id), importance)
