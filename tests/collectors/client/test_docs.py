"""The page about the client says everything, and what it shows runs."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from collectors.client import Client, Stats
from collectors.client.answers import LONGEST_RETRY_AFTER
from collectors.client.environment import DEFAULT_URL
from tests.collectors.client.collector import Collector

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "client.md").read_text(encoding="utf-8")


def defaults(function: Callable[..., Any]) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters if parameter.name != "self"}


@pytest.mark.parametrize("function", [Client, Client.log, Client.correct], ids=lambda function: function.__qualname__)
def test_every_argument_has_its_row(function: Callable[..., Any]) -> None:
    documented = set(re.findall(r"`(\w+)`", "\n".join(line.split("|")[1] for line in PAGE.splitlines() if "|" in line)))
    assert set(defaults(function)) <= documented


def test_every_count_has_its_row() -> None:
    assert {name for name in Stats.__dataclass_fields__ if f"`{name}" not in PAGE} == set()


@pytest.mark.parametrize(
    ("argument", "default", "shown"),
    [
        ("enabled", True, "`True`"),
        ("batch_size", 500, "500"),
        ("batch_interval", 1.0, "1 s"),
        ("max_records", 10_000, "10 000"),
        ("max_bytes", 16 * 1024 * 1024, "16 MiB"),
        ("on_full", "drop_newest", '`"drop_newest"`'),
        ("request_timeout", 10.0, "10 s"),
        ("max_attempts", 8, "8"),
        ("exit_timeout", 2.0, "2 s"),
    ],
)
def test_the_page_has_the_default(argument: str, default: object, shown: str) -> None:
    assert defaults(Client)[argument] == default
    assert f"\n| `{argument}` | {shown} |" in PAGE


def test_the_page_has_the_constants() -> None:
    assert f"else `{DEFAULT_URL}`" in PAGE
    assert LONGEST_RETRY_AFTER == 300, "the page says five minutes"


def test_the_examples_run(collector: Collector) -> None:
    program = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL))
    settings = {name: value for name, value in os.environ.items() if not name.startswith("WATCHKEEPER_")}
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=settings | {"WATCHKEEPER_URL": collector.url},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ended.stderr == ""
    assert ended.stdout.strip() == "2 0 0 0 {}"
    assert collector.ids() == collector.ids("/v1/corrections")
