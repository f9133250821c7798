"""Offline features from a file, through the fold, to the verdict of `feature_parity`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from tests.cli.conftest import Run
from tests.cli.test_commands import COLUMNS, flights


def test_a_feature_that_the_offline_pipeline_computes_otherwise_is_found(run: Run, tmp_path: Path) -> None:
    """Of `x` every fifth value is another one offline; `kind` is the same."""
    reference, served = flights(40, datetime(2026, 3, 1, tzinfo=UTC)), flights(4, datetime(2026, 4, 10, tzinfo=UTC))
    reference.to_csv(tmp_path / "reference.csv", index=False)
    served.to_csv(tmp_path / "served.csv", index=False)
    offline = served[["id", "x", "kind"]].copy()
    offline.loc[offline.index % 5 == 0, "x"] += 0.5
    offline.to_csv(tmp_path / "offline.csv", index=False)
    run("model", "add", "m", "--task", "binary")
    run("version", "add", "m", "1")
    of = ("--model", "m", "--version", "1")
    run("import", "reference", str(tmp_path / "reference.csv"), *of, *COLUMNS, "--out-of-sample")
    features = ("import", "features", str(tmp_path / "offline.csv"), *of, "--id-column", "id")

    assert "400 rows read, 0 would be rejected" in run(*features, "--dry-run").output
    [summary] = json.loads(run(*features, "--json").stdout)
    run("import", "predictions", str(tmp_path / "served.csv"), *of, *COLUMNS)
    again = run(*features)
    run("run", "--until", "2026-04-14")

    assert (summary["accepted"], summary["duplicates"], summary["rejected"]) == (400, 0, 0)
    assert "nothing was added" in again.output
    rows = json.loads(run("measurements", "--model", "m", "--format", "json").stdout)
    found = [row for row in rows if row["check"] == "feature_parity"]
    x = [row for row in found if row["subject"] == "x"]
    assert [row["value"] for row in x] == [0.2] * 4
    assert [row["outcome"] for row in x] == ["ok", "breach", "breach", "breach"]
    assert "the largest difference is 0.5" in x[1]["reason"]
    assert {row["outcome"] for row in found if row["subject"] == "kind"} == {"ok"}
