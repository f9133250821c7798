"""A sample of stored predictions is of the right rows, and each is as likely as any other."""

from __future__ import annotations

import json
from datetime import timedelta

import numpy as np
import pytest
from scipy.stats import kstest
from sqlalchemy import Engine, update

from app.core.model import Source, Task
from app.services.fold import fold
from app.storage import sampling, tables
from app.storage.engine import write
from app.storage.sampling import sample_predictions
from tests.services.served import NOW, START, Served, correction, prediction, serve, store

HOUR = timedelta(hours=1)


@pytest.fixture
def served(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Served:
    """300 predictions of one version, one a minute, in three batches, among those of another version."""
    monkeypatch.setattr(sampling, "SLICE_IDS", 37)
    monkeypatch.setattr(sampling, "SLICE_ROWS", 50)
    found = serve(engine, Task.BINARY)
    mine, other = found.version_ids
    for batch in range(3):
        rows = []
        for minute in range(100 * batch, 100 * (batch + 1)):
            rows += [
                prediction(mine, f"a{minute}", minutes=minute, features={"x": float(minute)}),
                prediction(other, f"b{minute}", minutes=minute, features={"x": -1.0}),
            ]
        store(engine, rows)
    return found


def minute(row: sampling.SampledPrediction) -> float:
    found: float = json.loads(row.features)["x"]
    return found


def minutes(found: sampling.Sampled) -> list[float]:
    return sorted(map(minute, found.rows))  # a batch is not always stored in the order in which it came


def test_few_rows_are_all_taken(engine: Engine, served: Served) -> None:
    found = sample_predictions(engine, served.version_ids[0], START + HOUR, START + 3 * HOUR, 1000)
    assert minutes(found) == list(map(float, range(60, 180)))
    assert found.total == 120


def test_of_many_a_part_is_taken_and_the_total_is_known(engine: Engine, served: Served) -> None:
    found = sample_predictions(engine, served.version_ids[0], START, START + 5 * HOUR, 40)
    assert (found.total, len(found.rows)) == (300, 40)
    assert len(set(minutes(found))) == 40
    again = sample_predictions(engine, served.version_ids[0], START, START + 5 * HOUR, 40)
    assert again == found
    # Uniform over the whole span, whatever the slices: a test of level 1 in 1000.
    assert kstest(np.array(minutes(found)) / 300, "uniform").pvalue > 0.001


def test_no_rows_are_an_empty_sample(engine: Engine, served: Served) -> None:
    assert sample_predictions(engine, served.version_ids[0], NOW, NOW + HOUR, 10).rows == []
    late = NOW + timedelta(days=30)  # no batch was received since
    assert sample_predictions(engine, served.version_ids[0], late, late + HOUR, 10).total == 0


def test_rows_received_long_before_are_passed_over_unread(engine: Engine, served: Served) -> None:
    """A row of the span cannot have been received more than a day before it: such batches are not looked at."""
    with write(engine) as connection:
        connection.execute(update(tables.batch).where(tables.batch.c.id == 1).values(created_at=START - 48 * HOUR))
    found = sample_predictions(engine, served.version_ids[0], START, START + 5 * HOUR, 1000)
    assert minutes(found) == list(map(float, range(100, 300)))


def test_labels_of_users_are_no_labels(engine: Engine, served: Served) -> None:
    model = served.model
    said = [
        correction(model, "a0", "no"),
        correction(model, "a1", "no", Source.AUDIT),
        correction(model, "a2", "no", Source.USER),
    ]
    store(engine, said)
    fold(engine, NOW)

    every = sample_predictions(engine, served.version_ids[0], START, START + HOUR, 1000)
    labelled = sample_predictions(engine, served.version_ids[0], START, START + HOUR, 1000, labelled=True)

    labels = {minute(row): row.label_class for row in every.rows}
    assert [labels[one] for one in (0, 1, 2, 3)] == ["no", "no", None, None]
    assert (labelled.total, minutes(labelled)) == (2, [0.0, 1.0])
