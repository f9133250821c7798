"""One real demo, lived through once and looked at by several tests."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from app.core.model import Task
from app.demo.flights import is_training, load_flights, moved
from app.demo.folder import DATABASE, Folder, State
from app.demo.questions import QUESTIONS
from app.demo.training import answered


@dataclass(frozen=True)
class Demo:
    """A finished demo: its folder, what the command printed, and the reference that was uploaded."""

    path: Path
    output: str
    state: State
    reference: pd.DataFrame

    @property
    def database(self) -> Path:
        return self.path / DATABASE


def run_command(path: Path) -> subprocess.CompletedProcess[str]:
    """`watchkeeper demo --no-serve`, as a newcomer would run it."""
    command = [sys.executable, "-m", "app.cli", "demo", "--no-serve", "--data-dir", str(path)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WATCHKEEPER_")}
    return subprocess.run(
        command, env={**environment, "COLUMNS": "160"}, capture_output=True, text=True, timeout=600, check=False
    )


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    path = tmp_path_factory.mktemp("demo")
    done = run_command(path)
    assert done.returncode == 0, done.stdout + done.stderr
    state = Folder(path).state()
    assert state is not None
    flights = load_flights()
    reference = answered(flights[is_training(flights)], QUESTIONS[Task.BINARY])
    return Demo(path, done.stdout, state, moved(reference, state.shift))
