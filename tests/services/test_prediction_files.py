"""Found predictions as files: all rows, what the file says of itself, and cells that no spreadsheet runs."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow.parquet
import pytest
from sqlalchemy import Engine

from app.core.feature_condition import parse
from app.core.model import Task
from app.core.prediction_filter import PredictionFilter
from app.services.explorer import Search
from app.services.prediction_files import Written, file_name, safe, write_file
from app.services.training_files import Format
from app.storage.engine import write
from app.storage.ingest import Rows, insert_rows
from tests.services.served import NOW, START, Served, prediction, serve


@pytest.fixture
def served(engine: Engine) -> Served:
    served = serve(engine, Task.BINARY, versions=1)
    rows = [prediction(served.version_ids[0], f"=cmd{i}", minutes=i / 60, features={"x": i}) for i in range(2_500)]
    with write(engine) as connection:
        insert_rows(connection, [Rows(rows)], NOW)
    return served


def test_a_parquet_file_holds_every_row_as_received_and_its_filters(
    engine: Engine, served: Served, tmp_path: Path
) -> None:
    search = Search(served.model.name, since=START, wanted=PredictionFilter(features=(parse("x < 2400"),)))
    assert write_file(engine, search, tmp_path / "f", Format.PARQUET) == Written(2_400, True)
    table = pyarrow.parquet.read_table(tmp_path / "f")
    assert table["prediction_id"].to_pylist() == [f"=cmd{i}" for i in range(2_399, -1, -1)]
    assert json.loads(table["features"][0].as_py()) == {"x": 2_399}
    said = json.loads(table.schema.metadata[b"watchkeeper"])
    assert (said["model"], said["filters"]) == (served.model.name, ["x < 2400"])
    assert said["since"] == "2026-03-01T22:00:00.000000Z"


def test_a_csv_file_holds_no_formula(engine: Engine, served: Served, tmp_path: Path) -> None:
    written = write_file(engine, Search(served.model.name), tmp_path / "f", Format.CSV, most=1_500)
    assert written == Written(1_500, False)
    with (tmp_path / "f").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["prediction_id"] for row in rows] == [f"'=cmd{i}" for i in range(2_499, 999, -1)]
    assert rows[0]["event_time"].endswith("Z")
    assert json.loads(rows[0]["features"]) == {"x": 2_499}


@pytest.mark.parametrize("format_", list(Format))
def test_a_file_ends_where_it_is_large_enough(engine: Engine, served: Served, tmp_path: Path, format_: Format) -> None:
    written = write_file(engine, Search(served.model.name), tmp_path / "f", format_, most_bytes=1)
    assert written == Written(1_000, False)


def test_whoever_gives_up_leaves_no_file(engine: Engine, served: Served, tmp_path: Path) -> None:
    seen: list[int] = []

    def report(rows: int) -> None:
        seen.append(rows)
        if rows >= 1_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_file(engine, Search(served.model.name), tmp_path / "f", Format.CSV, report=report)
    assert seen[-1] == 1_000
    assert [path.name for path in tmp_path.iterdir() if "sqlite3" not in path.name] == []


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_text_that_begins_like_a_formula_is_marked_as_text(text: str) -> None:
    assert safe(text) == f"'{text}"


@pytest.mark.parametrize("value", ["a=1", "", None, -1.5, 0, True])
def test_other_values_stay_as_they_are(value: object) -> None:
    assert safe(value) == value


def test_the_name_of_a_file_says_what_is_in_it() -> None:
    wanted = PredictionFilter(prediction_id="../../etc*", features=(parse("wind > 20"),))
    name = file_name(Search("flight delays", ("2",), START, wanted=wanted), Format.CSV)
    assert name == "flight-delays-2-20260301-id-..-..-etc-wind-20.csv"
    assert len(file_name(Search("m" * 300), Format.PARQUET)) < 140
