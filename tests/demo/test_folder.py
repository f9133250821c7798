"""A demo clears away its own remains, and nothing that is not its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.core.model import Task
from app.demo.errors import DemoError
from app.demo.folder import DATABASE, Folder, State
from app.demo.receivers import Ports
from app.demo.run import run_demo
from app.settings import Settings

STATE = State(months=10, weeks=700, ports=Ports(http=1, smtp=2))


def test_an_empty_folder_gets_secrets_and_has_no_state(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "new")
    folder.start_over()
    assert folder.state() is None
    assert folder.secrets.retraining.read_text().startswith("whsec_")


def test_the_state_is_read_as_it_was_written(tmp_path: Path) -> None:
    Folder(tmp_path).save(STATE)
    assert Folder(tmp_path).state() == STATE


def test_an_interrupted_demo_is_cleared_away(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.start_over()
    folder.save(STATE)
    folder.received.mkdir()
    for name in (DATABASE, f"{DATABASE}-wal", "received/slack-00001.json"):
        (tmp_path / name).write_bytes(b"half")
    (tmp_path / "mine.txt").write_text("not the demo's")
    secret = folder.secrets.retraining.read_text()
    folder.start_over()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.txt", "models", "references", "secrets"]
    assert folder.secrets.retraining.read_text() != secret


def test_a_database_of_somebody_else_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_bytes(b"precious")
    with pytest.raises(DemoError, match="not the demo's"):
        Folder(tmp_path).start_over()
    assert (tmp_path / DATABASE).read_bytes() == b"precious"


def test_a_damaged_state_names_its_file(tmp_path: Path) -> None:
    (tmp_path / "demo.json").write_text("{")
    with pytest.raises(DemoError, match=r"demo\.json is damaged"):
        Folder(tmp_path).state()


def test_a_finished_demo_of_another_task_is_left_alone(tmp_path: Path) -> None:
    state = State(months=10, weeks=700, ports=Ports(http=1, smtp=2), finished=True, task=Task.REGRESSION)
    Folder(tmp_path).save(state)
    with pytest.raises(DemoError, match="show it with --task regression"):
        run_demo(replace(Settings(), data_dir=tmp_path), task=Task.BINARY)
    assert Folder(tmp_path).state() == state
