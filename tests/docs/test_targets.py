"""The pages of targets: one for each preset, whose commands and files are right; and the script of a pipeline."""

from __future__ import annotations

import ast
import io
import json
import re
import shlex
import threading
import time
import types
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import uvicorn
import yaml
from sqlalchemy import URL

from app.api.app import create_app
from app.core.model import Model, Task, Version
from app.core.presets import PRESETS, preset_of
from app.core.retraining import Policy
from app.services.catalogue import register_model, register_version
from app.services.keys import create_key
from app.services.policies import set_policy
from app.services.retraining import start
from app.services.retraining_runs import show_run
from app.services.targets import checked
from app.settings import Settings
from app.storage.engine import engine_for

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
every_preset = pytest.mark.parametrize("preset", sorted(PRESETS))


def page(preset: str) -> str:
    return (DOCS / "targets" / f"{preset}.md").read_text()


def blocks(text: str, language: str) -> list[str]:
    return [body for name, body in BLOCK.findall(text) if name == language]


def commands(text: str) -> list[list[str]]:
    """The `watchkeeper` commands of a page, in words."""
    joined = "\n".join(blocks(text, "console")).replace("\\\n", " ")
    return [shlex.split(line[2:]) for line in joined.splitlines() if line.startswith("$ watchkeeper")]


@every_preset
def test_each_preset_has_a_page_that_the_overview_names(preset: str) -> None:
    assert f"({preset}.md)" in (DOCS / "targets" / "README.md").read_text()
    assert page(preset).startswith("# ")


@every_preset
def test_the_command_of_the_page_makes_a_target(preset: str) -> None:
    (add,) = [words for words in commands(page(preset)) if words[1:3] == ["target", "add"]]
    given = dict(words.split("=", 1) for flag, words in pairwise(add) if flag == "--set")

    assert add[add.index("--preset") + 1] == preset
    assert checked(preset, given)


@every_preset
def test_the_page_tells_how_to_test_and_what_that_starts(preset: str) -> None:
    (words,) = [words for words in commands(page(preset)) if words[1:3] == ["target", "test"]]
    starts = preset_of(preset, {}).starts_run or preset == "http"

    assert ("--yes" in words) == starts
    row = next(line for line in (DOCS / "targets" / "README.md").read_text().splitlines() if f"({preset}.md)" in line)
    assert ("harmless" in row) != starts
    followed = row.strip("|").split("|")[-1]
    assert ("asked" in followed) == (preset_of(preset, {}).poll is not None or preset == "http")


@every_preset
def test_the_files_of_the_page_can_be_read(preset: str) -> None:
    for text in blocks(page(preset), "yaml"):
        assert all(yaml.safe_load_all(text))
    for text in blocks(page(preset), "python"):
        ast.parse(text)
    for text in blocks(page(preset), "json"):
        json.loads(text)


@every_preset
def test_the_code_of_the_page_takes_from_the_script_what_it_defines(preset: str) -> None:
    (script,) = blocks((DOCS / "retraining.md").read_text(), "python")
    defined = {node.name for node in ast.parse(script).body if isinstance(node, ast.FunctionDef)}
    nodes = [node for text in blocks(page(preset), "python") for node in ast.walk(ast.parse(text))]
    imports = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module == "retrain"]
    taken = {name.name for node in imports for name in node.names}

    assert taken <= defined


def test_the_workflow_of_the_page_declares_what_is_sent() -> None:
    (workflow,) = (yaml.safe_load(text) for text in blocks(page("github_workflow"), "yaml"))

    # YAML 1.1 reads the key `on` as true.
    assert set(workflow[True]["workflow_dispatch"]["inputs"]) == set(PRESETS["github_workflow"].call.body["inputs"])


@pytest.fixture
def collector(sqlite_url: URL, tmp_path: Path) -> Iterator[Settings]:
    """The settings of a collector that asks for keys and listens on this machine."""
    url = sqlite_url.render_as_string(hide_password=False)
    settings = replace(Settings(), data_dir=tmp_path, database_url=url, require_keys=True)
    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield replace(settings, collector_url=f"http://127.0.0.1:{port}")
    server.should_exit = True
    thread.join()


def test_the_script_trains_on_what_it_is_given_and_reports_the_new_version(
    collector: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, now = engine_for(collector.database_url), datetime.now(UTC)
    register_model(engine, Model("fraud", Task.BINARY), now)
    register_version(engine, "fraud", Version(0, "1"), now)
    policy = Policy(("volume",), timedelta(0), 0)
    set_policy(engine, now, "fraud", policy, webhook_url="https://ci.example.org", secret="env:S")
    script = types.ModuleType("retrain")
    (text,) = blocks((DOCS / "retraining.md").read_text(), "python")
    exec(compile(text, "retrain.py", "exec"), script.__dict__)
    ops, pipeline = (create_key(engine, scope, scope, now).secret for scope in ("admin", "train"))
    _send_rows(script, collector, ops, monkeypatch)
    monkeypatch.setenv("WATCHKEEPER_KEY", pipeline)
    seen: list[pd.DataFrame] = []

    def train(rows: bytes) -> tuple[str, bytes, dict[str, float]]:
        seen.append(pd.read_parquet(io.BytesIO(rows)))
        return "2", _reference(now), {"auc": 0.91}

    run = start(engine, now, collector, "fraud", reason="why not", author="ann")
    asked = json.loads(run.payload)["data"]
    script.retrain("fraud", asked["training_set_url"], asked["callback_url"], train)

    ended, steps = show_run(engine, run.webhook_id)
    assert [step.new_state for step in steps] == ["requested", "running", "succeeded"]
    assert (ended.new_version, ended.metrics) == ("2", {"auc": 0.91})
    assert re.fullmatch("[0-9a-f]{64}", ended.training_set)
    assert list(seen[0]["label"]) == ["1"] * 5

    def fail(rows: bytes) -> Any:
        raise MemoryError("no memory")

    again = start(engine, now, collector, "fraud", reason="once more", author="ann")
    asked = json.loads(again.payload)["data"]
    with pytest.raises(MemoryError):
        script.retrain("fraud", asked["training_set_url"], asked["callback_url"], fail)
    assert [step.reason for step in show_run(engine, again.webhook_id)[1]][-1] == "no memory"
    engine.dispose()


def _send_rows(script: types.ModuleType, collector: Settings, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five predictions and what was true."""
    monkeypatch.setenv("WATCHKEEPER_KEY", key)
    at = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    ids = [f"p{n}" for n in range(5)]
    rows = {
        "predictions": [
            {
                "model": "fraud",
                "version": "1",
                "prediction_id": one,
                "timestamp": at,
                "features": {"x": 1.0},
                "score": 0.2,
            }
            for one in ids
        ],
        "corrections": [
            {"model": "fraud", "prediction_id": one, "timestamp": at, "value": 1, "source": "ground_truth"}
            for one in ids
        ],
    }
    for name, body in rows.items():
        script.call("POST", f"{collector.collector_url}/v1/{name}", json.dumps(body).encode())


def _reference(now: datetime) -> bytes:
    times = [now - timedelta(hours=n) for n in range(200)]
    frame = pd.DataFrame({"time": times, "score": 0.3, "label": "1", "x": [float(n % 7) for n in range(200)]})
    file = io.BytesIO()
    frame.to_parquet(file, index=False)
    return file.getvalue()
