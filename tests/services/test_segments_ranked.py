"""The ranking of a model's segments, from measurements that stand in the database."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, insert

from app.core.codec import encode_counts
from app.core.layout import default_layout
from app.core.model import Task
from app.core.profile import OutcomeCounts
from app.services.read_models.segments import model_segments
from app.storage import tables
from app.storage.engine import write
from tests.services.measured import DAY, START, add_version, measure


def serve(engine: Engine, version_id: int, segment: str, rows: int) -> None:
    """A profile of that many predictions on the second day, without features."""
    layout = default_layout(Task.BINARY, positive_label="1", threshold=0.5, confident=0.9)
    values = {
        "version_id": version_id,
        "segment": segment,
        "window_start": START + DAY,
        "rows": rows,
        "features": b"",
        "outcomes": encode_counts(OutcomeCounts.empty(layout)),
        "revision": 1,
        "updated_at": START + 2 * DAY,
    }
    with write(engine) as connection:
        connection.execute(insert(tables.profile), values)


def test_a_segment_is_compared_with_the_whole_of_the_same_window(engine: Engine) -> None:
    """On the second day nothing could be told of the segment's realised quality: both estimates are compared."""
    version = add_version(engine)
    measure(engine, version, "oo", check="performance", subject="accuracy", value=0.7)
    measure(engine, version, "o?", check="performance", subject="accuracy", value=0.8, segment="country=FI")
    measure(engine, version, "oo", check="estimated_performance", subject="accuracy", value=0.75)
    measure(engine, version, "oo", check="estimated_performance", subject="accuracy", value=0.72, segment="country=FI")
    serve(engine, version, "", 100)
    serve(engine, version, "country=FI", 40)

    [ranked] = model_segments(engine, "delay").segments

    assert ranked.quality is not None
    assert (ranked.quality.check, ranked.quality.value) == ("estimated_performance", 0.72)
    assert ranked.quality_gap == pytest.approx(0.03)
