"""The child process: what it is given, what it gives, and how it fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from app.core.reports import ReportKind
from app.core.sample import Sample
from app.reports.child import ORDER, ReportError, make
from tests.reports.samples import order

ROOT = Path(__file__).parents[2]


def test_a_report_is_made_elsewhere_and_evidently_stays_there() -> None:
    """In a fresh interpreter, since other tests may have loaded Evidently into this one."""
    program = """
import json, os, sys
from app.core.reports import ReportKind
from app.reports.child import make
from tests.reports.samples import order

made = make(order(ReportKind.DRIFT), os.environ)
print(json.dumps([sorted({name.partition(".")[0] for name in sys.modules}), len(made.html), json.loads(made.json)]))
"""
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    loaded, size, figures = json.loads(result.stdout)
    assert not {"evidently", "pandas"} & set(loaded)
    assert size > 1_000_000
    assert figures["watchkeeper"]["id"] == 7


def test_a_report_that_is_not_possible_says_why() -> None:
    empty = Sample(0, {}, [], [], [])
    with pytest.raises(ReportError, match="the window range has 0 rows in its sample"):
        make(msgspec.structs.replace(order(ReportKind.DRIFT), current=empty), os.environ)


def test_a_report_that_takes_too_long_is_ended() -> None:
    with pytest.raises(ReportError, match=r"longer than 0\.05 seconds"):
        make(order(ReportKind.DRIFT), os.environ, seconds=0.05)


def test_the_child_gets_none_of_our_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {}

    def run(command: list[str], *, env: dict[str, str], **_: object) -> subprocess.CompletedProcess[str]:
        folder = Path(command[-1])
        seen["environment"], seen["order"] = env, msgspec.json.decode((folder / ORDER).read_bytes())
        return subprocess.CompletedProcess(command, 1, "", "Traceback\nKeyError: 'x'\n")

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(ReportError, match="KeyError: 'x'"):
        make(order(ReportKind.DRIFT), {"PATH": "p", "WATCHKEEPER_DATABASE_PASSWORD": "s3cret"})
    assert seen["environment"] == {"PATH": "p"}
    assert "s3cret" not in json.dumps(seen["order"])
