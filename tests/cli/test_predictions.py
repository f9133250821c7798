"""`watchkeeper predictions list`."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pytest

from app.cli.output import as_json
from app.services import explorer
from app.services.explorer import Bounds
from tests.cli.conftest import Run

HEAD = "id,at,score,x,note\n"


@pytest.fixture
def filled(run: Run, tmp_path: Path) -> Run:
    lines = [f"p{i},2026-03-01T00:{i:02d}:00Z,0.{i % 10},{i},=SUM(A{i})\n" for i in range(30)]
    (tmp_path / "served.csv").write_text(HEAD + "".join(lines))
    run("model", "add", "m", "--task", "binary")
    run("version", "add", "m", "1")
    columns = ("--id-column", "id", "--timestamp-column", "at", "--score-column", "score")
    run("import", "predictions", str(tmp_path / "served.csv"), "--model", "m", "--version", "1", *columns)
    return run


def test_the_same_search_as_json_csv_and_text(filled: Run) -> None:
    asked = ("predictions", "list", "--model", "m", "--score-from", "0.5", "--feature", "x > 10", "--limit", "3")
    rows = json.loads(filled(*asked, "--json").stdout)
    assert [row["prediction_id"] for row in rows] == ["p29", "p28", "p27"]
    assert rows[0]["features"] == {"x": 29, "note": "=SUM(A29)"}
    cells = list(csv.DictReader(filled(*asked, "--csv").stdout.splitlines()))
    assert [row["prediction_id"] for row in cells] == ["p29", "p28", "p27"]
    assert json.loads(cells[0]["features"]) == {"x": 29, "note": "=SUM(A29)"}
    assert "2026-03-01 00:29 UTC" in filled(*asked).stdout


def test_a_search_that_stopped_goes_on_where_it_was(filled: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = explorer.find.__kwdefaults__ or {}
    monkeypatch.setattr(explorer.find, "__kwdefaults__", usual | {"bounds": Bounds(rows=1)})
    monkeypatch.setattr(explorer, "_FIRST_PORTION", 10)
    asked = ("predictions", "list", "--model", "m", "--feature", "x < 25", "--limit", "8", "--json")
    first = filled(*asked)
    note = first.stderr.split()
    assert note[-2] == "--before"
    second = filled(*asked, "--before", note[-1])
    rows = [row["prediction_id"] for answer in (first, second) for row in json.loads(answer.stdout)]
    assert rows == [f"p{i}" for i in range(24, 24 - len(rows), -1)]
    assert len(rows) > len(json.loads(first.stdout)) > 0


def test_a_number_that_json_cannot_hold_is_a_text() -> None:
    assert json.loads(as_json([{"score": math.nan, "x": [math.inf]}])) == [{"score": "NaN", "x": ["Infinity"]}]


def test_what_cannot_be_asked_is_said(filled: Run) -> None:
    assert filled("predictions", "list", "--model", "m", "--id", "nobody").stdout == "no prediction fits\n"
    with pytest.raises(Exception, match="feature: 'x' is not allowed"):
        filled("predictions", "list", "--model", "m", "--feature", "x")
