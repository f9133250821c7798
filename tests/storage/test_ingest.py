"""Rows are stored once each, in one transaction, and counted for the sender who brought them."""

from __future__ import annotations

import math
import threading
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, func, select
from sqlalchemy.exc import IntegrityError

from app.core.model import Model, Task, Version
from app.storage import catalogue, tables
from app.storage.engine import read, write
from app.storage.ingest import CorrectionRow, Inserted, PredictionRow, Rows, insert_rows

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)


@pytest.fixture
def version(engine: Engine) -> Version:
    with write(engine) as connection:
        model = catalogue.add_model(connection, Model("fraud", Task.BINARY), NOW)
        return catalogue.add_version(connection, Version(model.id, "1"), NOW)


def prediction(version: Version, key: str, *, score: float | None = 0.5, at: datetime = NOW) -> PredictionRow:
    return (version.id, key, at, '{"age": 31}', "1", None, score, None, None, None, None, None)


def correction(version: Version, key: str, digest: str) -> CorrectionRow:
    return (version.model_id, None, key, NOW, "user", "1", None, "ann", True, None, None, digest)


def stored_ids(engine: Engine) -> list[str]:
    with read(engine) as connection:
        return list(connection.scalars(select(tables.prediction.c.prediction_id).order_by(tables.prediction.c.id)))


def test_what_is_read_is_what_was_stored(engine: Engine, version: Version) -> None:
    berlin = datetime.fromisoformat("2026-11-20T11:30:00.25+01:00")
    row = (version.id, "p", berlin, '{"a": "NaN"}', None, -math.inf, math.nan, '{"x": 1}', 4.5, "r", "u", '{"k": "v"}')
    said = (version.model_id, version.id, "p", berlin, "audit", None, math.nan, None, False, None, 0.25, "d")

    with write(engine) as connection:
        insert_rows(connection, [Rows([row], [said])], NOW)

    with read(engine) as connection:
        stored = connection.execute(select(tables.prediction)).one()
        kept = connection.execute(select(tables.correction)).one()
    assert stored.event_time == kept.said_at == berlin
    assert stored.event_time.utcoffset() == timedelta(0)
    assert math.isnan(stored.score)
    assert math.isnan(kept.label_value)
    assert (kept.withdraws, kept.probability) == (None, 0.25)
    assert (stored.features, stored.predicted_class, stored.predicted_value) == ('{"a": "NaN"}', None, -math.inf)
    assert (stored.class_scores, stored.latency_ms, stored.request_id) == ('{"x": 1}', 4.5, "r")
    assert (stored.unit_id, stored.attributes) == ("u", '{"k": "v"}')
    assert (stored.label_source, stored.shown, stored.corrected) == (None, False, False)
    assert (kept.version_id, kept.source, kept.author, kept.shown) == (version.id, "audit", None, False)


def test_a_key_counts_for_the_sender_who_brought_it_first(engine: Engine, version: Version) -> None:
    a, b, c = (prediction(version, key) for key in "abc")

    with write(engine) as connection:
        first = insert_rows(connection, [Rows([a])], NOW)
    with write(engine) as connection:
        second = insert_rows(connection, [Rows([a, b]), Rows([b, b]), Rows([c, c, a]), Rows()], NOW)

    assert first == [Inserted(1, 0)]
    assert second == [Inserted(1, 0), Inserted(0, 0), Inserted(1, 0), Inserted(0, 0)]
    assert sorted(stored_ids(engine)) == ["a", "b", "c"]


def test_of_equal_keys_the_first_row_is_stored(engine: Engine, version: Version) -> None:
    rows = [prediction(version, "a", score=score) for score in (0.1, 0.2, 0.3)]

    with write(engine) as connection:
        insert_rows(connection, [Rows(rows[:1]), Rows(rows[1:])], NOW)

    with read(engine) as connection:
        assert connection.scalars(select(tables.prediction.c.score)).all() == [0.1]


def test_a_batch_counts_what_is_new_in_it(engine: Engine, version: Version) -> None:
    with write(engine) as connection:
        insert_rows(connection, [Rows([prediction(version, "a")], [correction(version, "a", "x")])], NOW)
    with write(engine) as connection:
        rows = [prediction(version, key) for key in "aab"]
        insert_rows(connection, [Rows(rows, [correction(version, "a", digest) for digest in "xyy"])], NOW)

    with read(engine) as connection:
        batches = connection.execute(select(tables.batch).order_by(tables.batch.c.id)).all()
        held = connection.execute(
            select(tables.prediction.c.batch_id, func.count()).group_by(tables.prediction.c.batch_id)
        ).all()
    assert [(row.predictions, row.corrections, row.folded_at) for row in batches] == [(1, 1, None), (1, 1, None)]
    assert {batch_id for batch_id, _ in held} == {row.id for row in batches}


def test_a_batch_of_nothing_new_is_not_stored(engine: Engine, version: Version) -> None:
    for _ in range(2):
        with write(engine) as connection:
            insert_rows(connection, [Rows([prediction(version, "a")])], NOW)

    with read(engine) as connection:
        assert connection.scalar(select(func.count()).select_from(tables.batch)) == 1


def test_a_row_that_the_database_refuses_leaves_nothing_behind(engine: Engine, version: Version) -> None:
    rows = [prediction(version, str(i)) for i in range(120)]
    orphan = (version.id + 1, *prediction(version, "orphan")[1:])

    with pytest.raises(IntegrityError), write(engine) as connection:
        insert_rows(connection, [Rows(rows), Rows([orphan])], NOW)

    assert stored_ids(engine) == []
    with read(engine) as connection:
        assert connection.scalar(select(func.count()).select_from(tables.batch)) == 0


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.integers(0, 120), max_size=150), max_size=4))
def test_counts_add_up_however_rows_are_spread(engine: Engine, version: Version, senders: list[list[int]]) -> None:
    """The oracle is a set of the keys that were seen, walked through in order."""
    with write(engine) as connection:
        connection.execute(delete(tables.prediction))
        counts = insert_rows(connection, [Rows([prediction(version, str(i)) for i in keys]) for keys in senders], NOW)

    seen: set[int] = set()
    for keys, inserted in zip(senders, counts, strict=True):
        assert inserted.predictions == len(set(keys) - seen)
        seen |= set(keys)
    assert sorted(map(int, stored_ids(engine))) == sorted(seen)


def test_two_collectors_with_the_same_rows_in_different_orders_both_succeed(engine: Engine, version: Version) -> None:
    rows = [prediction(version, f"{i:04}") for i in range(2_000)]
    counts: list[int] = []

    def store(part: list[PredictionRow]) -> None:
        with write(engine) as connection:
            [inserted] = insert_rows(connection, [Rows(part)], NOW)
        counts.append(inserted.predictions)

    threads = [threading.Thread(target=store, args=(part,)) for part in (rows, rows[::-1], rows[1000:] + rows[:1000])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(counts) == 2_000
    assert len(counts) == 3
