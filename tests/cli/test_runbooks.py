"""`watchkeeper runbook` from the first word to the last."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Run


def test_a_runbook_is_shown_declared_listed_and_removed(run: Run, tmp_path: Path) -> None:
    run("model", "add", "m", "--task", "binary")
    assert "watchkeeper why --model m" in run("runbook", "show", "--check", "performance", "--model", "m").output
    assert "none is declared" in run("runbook", "list").output

    text = tmp_path / "ours.md"
    text.write_text("Ring the bell.\n")
    assert "the runbook of model m is set" in run("runbook", "set", "--model", "m", "--file", str(text)).output
    shown = run("runbook", "show", "--check", "volume", "--model", "m", "--json")
    (row,) = json.loads(run("runbook", "list", "--json").stdout)

    assert json.loads(shown.stdout) == {
        "text": "Ring the bell.",
        "address": "",
        "of": "model m",
        "author": row["author"],
    }
    assert row["author"]
    assert row["content"] == "Ring the bell."
    run("runbook", "remove", "--model", "m")
    assert "none is declared" in run("runbook", "list").output


def test_one_content_is_needed(run: Run) -> None:
    assert "give either URL|TEXT or --file" in run("runbook", "set", "--check", "volume", code=2).output
