"""Raw predictions behind a model of the large fleet, for as long as somebody looks at what they cost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, delete, insert

from app.storage import tables
from app.storage.catalogue import find_model, list_versions
from app.storage.engine import read, write

DAYS = 90
PORTION = 20_000


@contextmanager
def predictions(engine: Engine, model: str, rows: int) -> Iterator[None]:
    """So many predictions of the model's newest version, spread evenly over the last days; gone at the end."""
    with read(engine) as connection:
        known = find_model(connection, model)
        version = [one for one in list_versions(connection) if one.model_id == known.id][-1]
    start = datetime.now(UTC) - timedelta(days=DAYS)
    for first in range(0, rows, PORTION):
        some = range(first, min(first + PORTION, rows))
        with write(engine) as connection:
            connection.execute(insert(tables.prediction), [_row(version.id, number, start, rows) for number in some])
    try:
        yield
    finally:
        with write(engine) as connection:
            connection.execute(delete(tables.prediction).where(tables.prediction.c.version_id == version.id))


def _row(version_id: int, number: int, start: datetime, rows: int) -> dict[str, Any]:
    share = number / rows
    return {
        "batch_id": 1,
        "version_id": version_id,
        "prediction_id": f"p{number}",
        "event_time": start + share * timedelta(days=DAYS),
        "features": f'{{"feature_000": {share}, "feature_001": {1 - share}}}',
        "predicted_class": str(number % 2),
        "score": share,
    }
