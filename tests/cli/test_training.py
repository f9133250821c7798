"""`export training-set`, `training-set` and `exclude`, from files of predictions and of what was true."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from app.core.errors import NotFoundError, WatchkeeperError
from tests.cli.conftest import Run
from tests.cli.test_commands import flights

FIRST = datetime(2026, 4, 10, tzinfo=UTC)
EXPORT = ("export", "training-set", "--model", "m", "--since", "2026-04-10", "--until", "2026-04-12")


def prepared(run: Run, folder: Path) -> None:
    """Two days of 20 predictions with labels."""
    served = flights(2, FIRST, per_day=20)
    served.to_csv(folder / "served.csv", index=False)
    run("model", "add", "m", "--task", "binary")
    run("version", "add", "m", "1")
    of = ("--model", "m", "--version", "1", "--id-column", "id", "--timestamp-column", "at")
    run("import", "predictions", str(folder / "served.csv"), *of, "--score-column", "score", "--label-column", "label")


def test_from_export_to_the_version_that_was_trained_on_it(run: Run, tmp_path: Path) -> None:
    prepared(run, tmp_path)
    file, about = tmp_path / "train.csv", tmp_path / "train.json"

    text = run(*EXPORT, "--output", str(file), "--manifest", str(about)).output
    manifest = json.loads(about.read_text())

    assert f"{file}: 40 rows (40 ground_truth) that stand for 40 predictions" in text
    assert len(pd.read_csv(file)) == manifest["rows"] == 40
    assert manifest["file"]["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    content = manifest["content_sha256"]
    [listed] = json.loads(run("training-set", "list", "--model", "m", "--json").stdout)
    assert listed["hash"] == content
    assert json.loads(run("training-set", "show", content).stdout)["as_of"] == manifest["as_of"]
    run("version", "add", "m", "2", "--training-set", content)
    with pytest.raises(NotFoundError, match="no training set 'wrong'"):
        run("version", "add", "m", "3", "--training-set", "wrong")


def test_what_is_excluded_stays_out_until_that_is_ended_and_as_of_remembers(run: Run, tmp_path: Path) -> None:
    prepared(run, tmp_path)
    assert "nothing is kept out" in run("exclude", "list", "--model", "m").output
    span = ("--since", "2026-04-10", "--until", "2026-04-11")
    run("exclude", "add", "--model", "m", *span, "--comment", "feed was down", "--author", "ann")

    first = json.loads(run(*EXPORT, "--output", str(tmp_path / "one.parquet"), "--json").stdout)
    assert (first["rows"], first["left_out"]["excluded"], first["file"]["format"]) == (20, 20, "parquet")
    assert "feed was down" in run("exclude", "list", "--model", "m").output
    run("exclude", "end", "1", "--model", "m", "--author", "bob")
    assert "nothing is kept out" in run("exclude", "list", "--model", "m").output
    assert "bob" in run("exclude", "list", "--model", "m", "--all").output
    now = json.loads(run(*EXPORT, "--output", str(tmp_path / "two.parquet"), "--json").stdout)
    again = json.loads(run(*EXPORT, "--output", str(tmp_path / "x.csv"), "--as-of", first["as_of"], "--json").stdout)
    assert (now["rows"], again["content_sha256"]) == (40, first["content_sha256"])


def test_without_rows_there_is_an_error_and_no_file(run: Run, tmp_path: Path) -> None:
    run("model", "add", "m", "--task", "binary")
    run("version", "add", "m", "1")
    assert "none yet" in run("training-set", "list", "--model", "m").output
    with pytest.raises(WatchkeeperError, match="has no labelled prediction"):
        run(*EXPORT, "--output", str(tmp_path / "set.parquet"))
    assert not (tmp_path / "set.parquet").exists()
