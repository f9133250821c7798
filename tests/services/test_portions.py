"""Rows are read in portions that memory can hold, and are counted alike however small those are."""

from __future__ import annotations

from collections.abc import Iterator
from unittest.mock import patch

import pytest
from sqlalchemy import Engine

from app.core.model import Task
from app.services.fold import fold
from app.services.rebuild import rebuild
from app.storage import portions
from app.storage.engine import snapshot
from tests.services.served import (
    NOW,
    Served,
    assert_same,
    correction,
    expected_profiles,
    offline,
    prediction,
    serve,
    store,
    stored_profiles,
)

SEGMENTS = ("", "country=FI", "country=SE", "kind=a", "kind=b")


@pytest.fixture
def small() -> Iterator[None]:
    """Two rows at once, whatever they hold."""
    with patch.multiple(portions, MOST_CHARACTERS=1, FETCHED=2):
        yield


def serve_and_count(engine: Engine) -> Served:
    """Predictions of two versions, with labels and offline values that come before, with and after them."""
    served = serve(engine, Task.BINARY, segment_by=("country", "kind"))
    for number in range(2):
        keys = range(number * 11, number * 11 + 11)
        store(engine, [offline(served.version_ids[0], f"p{key}", {"x": 0.25}) for key in keys if key % 3 == number])
        store(
            engine,
            [
                *(
                    prediction(
                        version_id,
                        f"p{key}",
                        minutes=7.0 * key,
                        features={"x": float(key), "kind": "ab"[key % 2]},
                        attributes={"country": "FI" if key % 5 else "SE"},
                    )
                    for key in keys
                    for version_id in served.version_ids
                ),
                *(correction(served.model, f"p{key}", "no", at=number) for key in range(4, 13)),
            ],
        )
        fold(engine, NOW)
        store(engine, [offline(served.version_ids[1], f"p{key}") for key in keys if key % 2])
        store(engine, [correction(served.model, f"p{key}", "yes", at=10) for key in keys if key % 4])
        fold(engine, NOW)
    return served


@pytest.mark.usefixtures("small")
def test_what_is_read_in_small_portions_is_counted_once(engine: Engine) -> None:
    served = serve_and_count(engine)
    for version_id in served.version_ids:
        assert_same(stored_profiles(engine, version_id), expected_profiles(engine, served, version_id))
    folded = {(v, s): stored_profiles(engine, v, s) for v in served.version_ids for s in SEGMENTS}
    rebuild(engine, now=NOW)
    for (version_id, segment), profiles in folded.items():
        assert profiles
        assert_same(stored_profiles(engine, version_id, segment), profiles)


def test_a_portion_ends_once_its_texts_are_long_enough(engine: Engine) -> None:
    served = serve(engine, Task.BINARY)
    rows = [prediction(served.version_ids[0], f"p{key}", features={"x": "a" * 91}) for key in range(40)]
    store(engine, rows)
    query = "SELECT p.prediction_id, p.attributes, p.features FROM prediction AS p WHERE version_id = :id ORDER BY id"
    with patch.multiple(portions, MOST_CHARACTERS=1000, FETCHED=2), snapshot(engine) as connection:
        found = portions.portions(connection, query, 2, id=served.version_ids[0])
        first = next(found)
        others = portions.portions(connection, query, 2, id=served.version_ids[1])
        assert not list(others)
        rest = list(found)
    assert [len(first), *map(len, rest)] == [10, 10, 10, 10]
    assert sorted(row[0] for part in (first, *rest) for row in part) == sorted(row[1] for row in rows)
