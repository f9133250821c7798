"""`labels`, from files of predictions and of labels that came later."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from tests.cli.conftest import Run
from tests.cli.test_commands import flights

FIRST = datetime(2026, 4, 10, tzinfo=UTC)
COLUMNS = ("--id-column", "id", "--timestamp-column", "at")


def prepared(run: Run, folder: Path, delay: str) -> None:
    """Twelve days of 50 predictions, each with a label two days later."""
    served = flights(12, FIRST, per_day=50)
    served.drop(columns="label").to_csv(folder / "served.csv", index=False)
    labels = pd.DataFrame({"id": served["id"], "at": served["at"] + timedelta(days=2), "label": served["label"]})
    labels.to_csv(folder / "labels.csv", index=False)
    run("model", "add", "m", "--task", "binary", "--label-delay", delay)
    run("version", "add", "m", "1")
    of = ("--model", "m", "--version", "1", *COLUMNS)
    run("import", "predictions", str(folder / "served.csv"), *of, "--score-column", "score")
    run("import", "corrections", str(folder / "labels.csv"), *of, "--label-column", "label")
    run("run", "--until", "2026-04-24")


def test_a_delay_that_is_declared_too_short_is_told_with_the_one_that_was_measured(run: Run, tmp_path: Path) -> None:
    prepared(run, tmp_path, "1h")

    text = run("labels", "--model", "m").output
    found = json.loads(run("labels", "--model", "m", "--format", "json").stdout)

    assert "declared label delay  1 h: too short: when the declared delay has passed, " in text
    assert "50% within 2 d, 90% within 2 d, 95% within 2 d, 99% within 2 d (600 labels of 12 windows" in text
    assert [row["seconds"] for row in found["measured"]["quantiles"]] == [2 * 86_400.0] * 4
    assert found["declared_delay_seconds"] == 3_600
    assert [row["coverage"] for row in found["windows"]] == [1.0] * 12
    assert {row["state"] for row in found["windows"]} == {"final"}
    shares = {row["seconds"]: row["share"] for row in found["measured"]["curve"]}
    assert (shares[86_400.0], shares[2 * 86_400.0]) == (0.0, 1.0)


def test_before_anything_came_it_says_so(run: Run) -> None:
    run("model", "add", "m", "--task", "binary")
    run("version", "add", "m", "1")
    assert "not known yet" in run("labels", "--model", "m").output
    found = json.loads(run("labels", "--model", "m", "--json").stdout)
    assert (found["measured"], found["windows"]) == (None, [])
