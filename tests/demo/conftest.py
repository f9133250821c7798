"""One real demo, lived through once and looked at by several tests."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from app.demo.flights import load_flights
from app.demo.folder import DATABASE, Folder, State

MONTHS = int(os.environ.get("WATCHKEEPER_TEST_DEMO_MONTHS", "3"))
"""The loop closes in the second; all ten take some minutes, and are asked for now and then."""

FINISHED = os.environ.get("WATCHKEEPER_TEST_DEMO_DIR", "")
"""The folder of a finished demo of as many months, to compute its figures anew without living through it."""


@dataclass(frozen=True)
class Demo:
    """A finished demo: its folder, and what the command printed."""

    path: Path
    output: str
    state: State

    @property
    def database(self) -> Path:
        return self.path / DATABASE

    def reference(self, version: str) -> pd.DataFrame:
        """The rows that were uploaded."""
        return pd.read_parquet(Folder(self.path).references / f"{version}.parquet")


def run_command(path: Path, months: int = MONTHS) -> subprocess.CompletedProcess[str]:
    """`watchkeeper demo --no-serve`, as a newcomer would run it."""
    return subprocess.run(
        demo_command(path, months), env=environment(), capture_output=True, text=True, timeout=1_800, check=False
    )


def demo_command(path: Path, months: int = MONTHS) -> list[str]:
    """The command of a demo that does not serve."""
    options = ["--no-serve", "--months", str(months), "--data-dir", str(path)]
    return [sys.executable, "-m", "app.cli", "demo", *options]


def environment() -> dict[str, str]:
    """That of a newcomer, whose terminal is wide."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WATCHKEEPER_")}
    return {**kept, "COLUMNS": "200"}


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    path = Path(FINISHED) if FINISHED else tmp_path_factory.mktemp("demo")
    done = run_command(path)
    assert done.returncode == 0, done.stdout + done.stderr
    state = Folder(path).state()
    assert state is not None
    return Demo(path, done.stdout, state)


@pytest.fixture(scope="session")
def year() -> pd.DataFrame:
    """All flights of 2013, read once: to choose from, not to change."""
    return load_flights()
