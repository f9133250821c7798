"""What each version did is told from what it answered itself."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, insert

from app.core.codec import encode_counts
from app.core.errors import NotFoundError
from app.core.layout import default_layout
from app.core.model import Model, Task, Version
from app.core.profile import RIGHT, WRONG, OutcomeCounts
from app.services.catalogue import register_model, register_version
from app.services.read_models.version_records import VersionRecord, version_records
from app.storage import tables
from app.storage.engine import write
from tests.services.measured import DAY, START

END = START + 30 * DAY


def add_days(engine: Engine, name: str, days: range, right: int, wrong: int) -> None:
    """A version that answered 50 requests a day, of which so many turned out right and wrong."""
    version = register_version(engine, "delay", Version(0, name), START)
    counts = OutcomeCounts.empty(default_layout(Task.BINARY, positive_label="1", threshold=0.5, confident=0.9))
    counts.rows[...] = 50
    counts.outcomes[1, RIGHT, 0], counts.outcomes[0, WRONG, 0] = right, wrong
    same = {"version_id": version.id, "rows": 50, "features": b"", "revision": 1, "updated_at": START}
    rows = [{**same, "outcomes": encode_counts(counts), "window_start": START + day * DAY} for day in days]
    with write(engine) as connection:
        connection.execute(insert(tables.profile), rows)


def test_quality_before_and_after_a_takeover(engine: Engine) -> None:
    register_model(engine, Model("delay", Task.BINARY), START)
    add_days(engine, "1", range(4), right=20, wrong=20)
    add_days(engine, "2", range(3, 10), right=30, wrong=10)
    register_version(engine, "delay", Version(0, "3"), START)  # it answered nothing

    assert version_records(engine, "delay", START, END) == [
        VersionRecord("1", "registered", START, START + 3 * DAY, 200, 160, "accuracy", 0.5),
        VersionRecord("2", "registered", START + 3 * DAY, START + 9 * DAY, 350, 280, "accuracy", 0.75),
    ]


def test_only_the_asked_windows_count_and_few_labels_give_no_quality(engine: Engine) -> None:
    register_model(engine, Model("delay", Task.BINARY), START)
    add_days(engine, "1", range(5), right=10, wrong=10)

    assert version_records(engine, "delay", END, END + DAY) == []
    (found,) = version_records(engine, "delay", START + 4 * DAY, END)
    assert (found.predictions, found.labelled, found.quality) == (50, 20, None)


def test_an_unknown_model_is_named(engine: Engine) -> None:
    with pytest.raises(NotFoundError, match="nobody"):
        version_records(engine, "nobody", START, END)
