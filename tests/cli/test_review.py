"""`review`, from settings to answers and back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.core.errors import NotFoundError
from tests.cli.conftest import Run
from tests.cli.test_commands import flights


def test_rows_are_drawn_shown_answered_and_taken_back(run: Run, tmp_path: Path) -> None:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    flights(1, today, per_day=20).drop(columns="label").to_csv(tmp_path / "served.csv", index=False)
    run("model", "add", "m", "--task", "binary")
    run("version", "add", "m", "1")
    assert "nothing waits" in run("review", "next", "--model", "m").output
    assert "Note: nothing is queued" in run("review", "settings", "--model", "m").output
    run("review", "settings", "--model", "m", "--audits-per-day", "30", "--no-uncertain", "--author", "ann")
    of = ("--model", "m", "--version", "1", "--id-column", "id", "--timestamp-column", "at")
    run("import", "predictions", str(tmp_path / "served.csv"), *of, "--score-column", "score")
    run("run")

    shown = json.loads(run("review", "settings", "--model", "m", "--json").stdout)
    assert (shown["audits_per_day"], shown["uncertain"], shown["queue"]["audit"]["waiting"]) == (30, False, 20)
    first, second, third = json.loads(run("review", "next", "--model", "m", "--limit", "3", "--json").stdout)
    assert "drawn at random, with probability 1" in run("review", "next", "--model", "m").output
    words = ("--confirm", str(first["item"]), "--correct", f"{second['item']}=1", "--skip", str(third["item"]))
    assert "3 rows answered, 2 corrections stored" in run("review", "answer", "--model", "m", *words).output
    assert run("review", "answer", "--model", "m", code=2).exit_code == 2
    assert "write ITEM=LABEL" in run("review", "answer", "--model", "m", "--correct", "x=1", code=2).output

    undo = ("review", "undo", "--model", "m", "--prediction-id", str(first["prediction_id"]))
    assert "is withdrawn" in run(*undo).output
    with pytest.raises(NotFoundError):
        run(*undo)
    states = json.loads(run("review", "settings", "--model", "m", "--json").stdout)["queue"]["audit"]
    assert (states["waiting"], states["answered"], states["skipped"]) == (18, 1, 1)

    listed = run("review", "decisions", "--model", "m", "--limit", "1")
    assert "older ones: --before" in listed.stderr
    [decided] = json.loads(run("review", "decisions", "--model", "m", "--limit", "1", "--json").stdout)
    assert (decided["item"], decided["skipped"], decided["label"]) == (third["item"], True, None)
    older = json.loads(run("review", "decisions", "--model", "m", "--before", str(third["item"]), "--json").stdout)
    assert [one["item"] for one in older] == [second["item"]]
    said = run("review", "undo", "--model", "m", "--item", str(second["item"])).output
    assert said.startswith(f"what was decided about row {second['item']}, {second['prediction_id']}, by ")
    assert "say which: --prediction-id or --item" in run("review", "undo", "--model", "m", code=2).output
    undone = json.loads(run("review", "undo", "--model", "m", "--item", str(third["item"]), "--json").stdout)
    assert undone["prediction_id"] == third["prediction_id"]
    assert "nothing was decided" in run("review", "decisions", "--model", "m").output
