"""Files into both databases: whole, interrupted, repeated, and with rows that cannot be taken."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, func, select

from app.core.errors import InvalidError, NotFoundError
from app.core.layout import build_layout
from app.core.model import Model, Source, Task, Version
from app.core.profile import Profile
from app.services import imports
from app.services.imports import ImportSummary, Progress, import_corrections, import_predictions
from app.storage import catalogue, progress, references
from app.storage.engine import read, write
from app.storage.tables import batch, correction, import_progress, prediction
from collectors.tabular import ColumnMapping, CorrectionMapping

NOW = datetime(2026, 6, 1, tzinfo=UTC)
MAPPING = ColumnMapping(id="key", timestamp="at", score="p", label="truth")
NAMELESS = ColumnMapping(timestamp="at", score="p", exclude=("key", "truth"))


@pytest.fixture
def target(engine: Engine) -> tuple[Model, Version]:
    with write(engine) as connection:
        model = catalogue.add_model(connection, Model(name="late", task=Task.BINARY), NOW)
        return model, catalogue.add_version(connection, Version(model_id=model.id, name="1"), NOW)


def rows_file(path: Path, rows: int, *, broken: tuple[int, ...] = ()) -> Path:
    """A CSV file; the rows numbered in `broken` have a time that is none."""
    lines = ["key,at,p,truth,x,word"]
    for n in range(rows):
        time = "never" if n in broken else f"2026-01-{1 + n % 28:02d}T{n % 24:02d}:00:00Z"
        lines.append(f"k{n},{time},{(n % 10) / 10},{n % 2},{n / 7:.4f},w{n % 3}")
    path.write_text("\n".join(lines) + "\n")
    return path


def stored_predictions(engine: Engine) -> list[tuple[Any, ...]]:
    columns = (prediction.c.prediction_id, prediction.c.event_time, prediction.c.features, prediction.c.predicted_class)
    with read(engine) as connection:
        return sorted(tuple(row) for row in connection.execute(select(*columns, prediction.c.score)))


def stored_corrections(engine: Engine) -> list[tuple[Any, ...]]:
    columns = (correction.c.prediction_id, correction.c.said_at, correction.c.source, correction.c.label_class)
    with read(engine) as connection:
        return sorted(tuple(row) for row in connection.execute(select(*columns)))


def count(engine: Engine, table: Any) -> int:
    with read(engine) as connection:
        return int(connection.scalar(select(func.count()).select_from(table)) or 0)


def test_every_row_is_stored_with_its_truth(engine: Engine, target: tuple[Model, Version], tmp_path: Path) -> None:
    path = rows_file(tmp_path / "a.csv", 25)

    summary = import_predictions(engine, *target, path, MAPPING, now=NOW, chunk_rows=10)

    assert (summary.read, summary.accepted, summary.labels, summary.duplicates, summary.rejected) == (25, 25, 25, 0, 0)
    first = next(row for row in stored_predictions(engine) if row[0] == "k7")
    assert first == ("k7", datetime(2026, 1, 8, 7, tzinfo=UTC), '{"x":1.0,"word":"w1"}', "1", 0.7)
    assert stored_corrections(engine)[0] == ("k0", datetime(2026, 1, 1, tzinfo=UTC), "ground_truth", "0")


def test_an_attribute_column_is_no_feature(engine: Engine, target: tuple[Model, Version], tmp_path: Path) -> None:
    path = rows_file(tmp_path / "a.csv", 3)
    mapping = ColumnMapping(id="key", timestamp="at", score="p", label="truth", attributes=("word",))
    import_predictions(engine, *target, path, mapping, now=NOW)
    with read(engine) as connection:
        stored = connection.execute(select(prediction.c.features, prediction.c.attributes)).all()
    assert [row.attributes for row in stored] == [f'{{"word":"w{n}"}}' for n in range(3)]
    assert all("word" not in row.features for row in stored)


def test_a_second_run_says_that_the_file_was_complete_and_adds_nothing(
    engine: Engine, target: tuple[Model, Version], tmp_path: Path
) -> None:
    path = rows_file(tmp_path / "a.csv", 25)
    import_predictions(engine, *target, path, NAMELESS, now=NOW, chunk_rows=10)
    before = stored_predictions(engine)

    again = import_predictions(engine, *target, path, NAMELESS, now=NOW, chunk_rows=10)

    assert again.was_complete
    assert (again.read, again.accepted) == (0, 0)
    assert stored_predictions(engine) == before


@pytest.mark.parametrize("mapping", [MAPPING, NAMELESS], ids=["ids from the file", "derived ids"])
def test_without_a_note_of_its_progress_a_second_run_still_adds_nothing(
    engine: Engine, target: tuple[Model, Version], tmp_path: Path, mapping: ColumnMapping
) -> None:
    path = rows_file(tmp_path / "a.csv", 25)
    import_predictions(engine, *target, path, mapping, now=NOW, chunk_rows=10)
    before = stored_predictions(engine), stored_corrections(engine)
    with write(engine) as connection:
        connection.execute(import_progress.delete())

    again = import_predictions(engine, *target, path, mapping, now=NOW, chunk_rows=7)

    assert (again.read, again.accepted, again.duplicates, again.labels) == (25, 0, 25, 0)
    assert (stored_predictions(engine), stored_corrections(engine)) == before


class PowerCutError(Exception):
    """What stops an import in the middle."""


def cut_after(rows: int) -> Callable[[Progress], None]:
    def report(step: Progress) -> None:
        if step.rows >= rows:
            raise PowerCutError

    return report


@pytest.mark.parametrize("chunk_rows", [10, 7])
def test_an_interrupted_import_goes_on_and_ends_like_one_run(
    engine: Engine, target: tuple[Model, Version], tmp_path: Path, chunk_rows: int
) -> None:
    path = rows_file(tmp_path / "a.csv", 45, broken=(12, 33))
    with pytest.raises(PowerCutError):
        import_predictions(engine, *target, path, NAMELESS, now=NOW, chunk_rows=10, progress=cut_after(20))
    assert count(engine, prediction) == 19

    rest = import_predictions(engine, *target, path, NAMELESS, now=NOW, chunk_rows=chunk_rows)
    resumed = stored_predictions(engine)

    assert rest.lines_before == 21
    assert rest.accepted == 24
    assert not rest.was_complete
    with write(engine) as connection:
        for table in (prediction, batch, import_progress):
            connection.execute(table.delete())
    import_predictions(engine, *target, path, NAMELESS, now=NOW)
    assert stored_predictions(engine) == resumed


def test_a_chunk_is_stored_with_its_progress_or_not_at_all(
    engine: Engine, target: tuple[Model, Version], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = rows_file(tmp_path / "a.csv", 25)
    note = progress.record

    def fail_at_the_second(connection: Any, key: str, lines: int, now: datetime) -> None:
        note(connection, key, lines, now)
        if lines > 11:
            raise PowerCutError

    monkeypatch.setattr(progress, "record", fail_at_the_second)
    with pytest.raises(PowerCutError):
        import_predictions(engine, *target, path, MAPPING, now=NOW, chunk_rows=10)

    assert count(engine, prediction) == 10
    assert count(engine, batch) == 1


def test_rows_that_cannot_be_taken_are_reported_by_line_and_cost_no_other(
    engine: Engine, target: tuple[Model, Version], tmp_path: Path
) -> None:
    path = rows_file(tmp_path / "a.csv", 60, broken=tuple(range(0, 60, 2)))
    lines = path.read_text().splitlines()
    lines[2] = "only,three,cells"
    lines[4] = lines[4].replace("2026-01-04", "2031-01-04")
    path.write_text("\n".join(lines))

    summary = import_predictions(engine, *target, path, MAPPING, now=NOW, chunk_rows=10)

    assert (summary.read, summary.accepted, summary.rejected) == (60, 28, 32)
    assert [error.line for error in summary.errors] == [2, 3, 4, 5, *range(6, 38, 2)]
    assert summary.errors[1].error == "3 cells where the header has 6 columns"
    assert "in the future" in summary.errors[3].error
    assert len(stored_corrections(engine)) == 28


def test_the_reference_says_what_is_a_number_and_what_a_category(
    engine: Engine, target: tuple[Model, Version], tmp_path: Path
) -> None:
    layout = build_layout(
        Task.BINARY,
        {"code": ["1", "x"], "x": [1.5], "flag": [True]},
        scores=np.array([0.1, 0.9]),
        classes=["0", "1"],
        threshold=0.5,
        confident=0.9,
    )
    with write(engine) as connection:
        reference = references.Reference(layout, 1, False, True, "", NOW)
        window = references.ReferenceProfile(None, Profile.empty(layout))
        references.replace(connection, target[1].id, reference, [window])
    path = tmp_path / "a.csv"
    path.write_text("at,p,code,x,flag\n2026-01-01T00:00:00Z,0.5,1,odd,true\n2026-01-01T00:00:00Z,0.5,2,2,False\n")

    import_predictions(engine, *target, path, ColumnMapping(timestamp="at", score="p"), now=NOW)

    features = [json.loads(row[2]) for row in stored_predictions(engine)]
    assert sorted(features, key=lambda row: str(row["code"])) == [
        {"code": "1", "x": "odd", "flag": True},
        {"code": "2", "x": 2, "flag": False},
    ]


def test_corrections_hold_for_one_version_or_for_all(
    engine: Engine, target: tuple[Model, Version], tmp_path: Path
) -> None:
    model, version = target
    path = tmp_path / "a.csv"
    path.write_text("key,truth,at\na,1,2026-01-02T00:00:00Z\nb,maybe,2031-01-02T00:00:00Z\nc,0,2026-01-03T00:00:00Z\n")
    mapping = CorrectionMapping("key", "truth", "at", default_source=Source.AUDIT)

    one = import_corrections(engine, model, version, path, mapping, now=NOW)
    every = import_corrections(engine, model, None, path, mapping, now=NOW)
    again = import_corrections(engine, model, None, path, mapping, now=NOW)

    assert (one.accepted, one.rejected, one.errors[0].line, one.labels) == (2, 1, 3, 0)
    assert (every.accepted, again.accepted, again.was_complete) == (2, 0, True)
    with read(engine) as connection:
        versions = connection.scalars(select(correction.c.version_id).order_by(correction.c.id)).all()
    assert versions == [version.id, version.id, None, None]
    assert {row[2] for row in stored_corrections(engine)} == {"audit"}


def test_a_preview_shows_what_would_be_stored_and_stores_nothing(
    engine: Engine, target: tuple[Model, Version], tmp_path: Path
) -> None:
    path = rows_file(tmp_path / "a.csv", 12_000, broken=(3, 11_000))
    source = imports.open_predictions(engine, *target, path, MAPPING)

    shown = imports.preview(engine, source, now=NOW)

    assert [record.prediction_id for record in shown.records] == ["k0", "k1", "k2", "k4", "k5"]
    assert (shown.read, shown.rejected, [error.line for error in shown.errors]) == (12_000, 2, [5, 11_002])
    assert count(engine, prediction) == count(engine, correction) == count(engine, import_progress) == 0


def test_progress_is_reported_by_rows_and_share(engine: Engine, target: tuple[Model, Version], tmp_path: Path) -> None:
    seen: list[Progress] = []

    import_predictions(
        engine, *target, rows_file(tmp_path / "a.csv", 25), MAPPING, now=NOW, chunk_rows=10, progress=seen.append
    )

    assert [step.rows for step in seen] == [10, 20, 25]
    assert seen[-1].share == 1.0


def test_naive_times_need_a_zone(engine: Engine, target: tuple[Model, Version], tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("at,p\n2026-01-01 12:00:00,0.5\n")
    mapping = ColumnMapping(timestamp="at", score="p")

    without = import_predictions(engine, *target, path, mapping, now=NOW)
    within = import_predictions(engine, *target, path, mapping, now=NOW, timezone="Asia/Tokyo")

    assert (without.accepted, without.rejected) == (0, 1)
    assert within.accepted == 1
    assert stored_predictions(engine)[0][1] == datetime(2026, 1, 1, 3, tzinfo=UTC)


def test_what_cannot_be_used_at_all_is_an_error_before_anything_is_stored(
    engine: Engine, target: tuple[Model, Version], tmp_path: Path
) -> None:
    path = rows_file(tmp_path / "a.csv", 3)

    def run(mapping: ColumnMapping, **options: Any) -> ImportSummary:
        return import_predictions(engine, *target, path, mapping, now=NOW, **options)

    with pytest.raises(NotFoundError, match="no column 'when'; known are: key, at, p, truth, x, word"):
        run(ColumnMapping(timestamp="when"))
    with pytest.raises(InvalidError, match="timestamp column is missing; predictions need one"):
        run(ColumnMapping(score="p"))
    with pytest.raises(InvalidError, match="timezone: 'Mars' is not allowed; it must be an IANA name"):
        run(MAPPING, timezone="Mars")
    with pytest.raises(NotFoundError, match="no column 'id'"):
        import_corrections(engine, target[0], None, path, CorrectionMapping("id", "truth"), now=NOW)
    assert count(engine, import_progress) == 0
