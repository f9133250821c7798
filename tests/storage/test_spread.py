"""Examples are of the right rows and of the whole span, and what is read is bounded."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from app.core.model import Source, Task
from app.services.fold import fold
from app.storage import spread
from app.storage.engine import read
from app.storage.spread import Spread, spread_predictions
from tests.services.served import NOW, START, Served, correction, prediction, serve, store

HOUR = timedelta(hours=1)


@pytest.fixture
def served(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Served:
    """400 predictions of one version, one a minute, among those of another."""
    monkeypatch.setattr(spread, "RUNS", 4)
    monkeypatch.setattr(spread, "RUN_IDS", 20)
    found = serve(engine, Task.BINARY)
    mine, other = found.version_ids
    for n in range(4):
        minutes = range(100 * n, 100 * (n + 1))
        rows = [prediction(version, f"{version}-{m}", minutes=m) for m in minutes for version in (mine, other)]
        store(engine, rows)
    return found


def looked_at(
    engine: Engine, version_id: int, hours: tuple[int, int], turn: int = 0, *, labelled: bool = False
) -> Spread:
    with read(engine) as connection:
        span = (START + hours[0] * HOUR, START + hours[1] * HOUR)
        return spread_predictions(connection, version_id, *span, turn, labelled=labelled)


def test_few_rows_of_the_whole_span_are_read_and_of_this_version_alone(engine: Engine, served: Served) -> None:
    found = looked_at(engine, served.version_ids[0], (0, 7))
    assert len(found.rows) <= 4 * 20
    assert {row.prediction_id.split("-")[0] for row in found.rows} == {str(served.version_ids[0])}
    assert {int(row.prediction_id.split("-")[1]) // 100 for row in found.rows} == {0, 1, 2, 3}


def test_other_turns_give_other_rows_until_all_were_seen(engine: Engine, served: Served) -> None:
    version, seen, turns = served.version_ids[0], set[str](), looked_at(engine, served.version_ids[0], (0, 7)).turns
    for turn in range(turns):
        ids = {row.prediction_id for row in looked_at(engine, version, (0, 7), turn).rows}
        assert not ids & seen
        seen |= ids
    assert len(seen) == 400
    assert looked_at(engine, version, (0, 7), turns) == looked_at(engine, version, (0, 7), 0)


def test_rows_of_other_times_are_left_out(engine: Engine, served: Served) -> None:
    found = looked_at(engine, served.version_ids[0], (1, 2))
    assert {row.event_time.hour for row in found.rows} <= {START.hour + 1}
    assert looked_at(engine, served.version_ids[0], (100, 101)).rows == []


def test_labels_are_ground_truth_or_an_audit_s(engine: Engine, served: Served) -> None:
    version = served.version_ids[0]
    true, guessed = [row.prediction_id for row in looked_at(engine, version, (0, 7)).rows[:2]]
    said = ((true, Source.GROUND_TRUTH), (guessed, Source.USER))
    store(engine, [correction(served.model, key, "no", source=source) for key, source in said])
    fold(engine, NOW)
    found = {row.prediction_id: row.label_class for row in looked_at(engine, version, (0, 7)).rows}
    assert (found[true], found[guessed]) == ("no", None)
    (only,) = looked_at(engine, version, (0, 7), labelled=True).rows
    assert only.prediction_id == true
