"""The examples of docs/api.md run, one after another, against a real collector."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest
import uvicorn
from sqlalchemy import URL

from app.api.app import create_app
from app.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
ADDRESS = "http://127.0.0.1:8600"


def examples() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return [command for block in blocks for command in block.strip().split("\n\n")]


@pytest.fixture
def address(sqlite_url: URL, tmp_path: Path) -> Iterator[str]:
    """The address of a collector on a free port."""
    settings = replace(Settings(), data_dir=tmp_path, database_url=str(sqlite_url))
    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=0, log_level="error"))
    thread = Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.mark.skipif(shutil.which("curl") is None, reason="the examples need curl")
def test_every_example_is_answered_with_success(address: str, tmp_path: Path) -> None:
    days = "\n".join(f"{day},2026-01-{day:02}T12:00:00Z,{30 + day},0.{day},{day % 2}" for day in range(1, 29))
    (tmp_path / "reference.csv").write_text(f"id,time,age,score,fraud\n{days}\n")

    for command in examples():
        result = subprocess.run(
            ["sh", "-c", command.replace(ADDRESS, address)], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"


def test_there_are_examples() -> None:
    assert len(examples()) >= 7
