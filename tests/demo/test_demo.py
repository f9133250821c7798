"""`watchkeeper demo --no-serve`, as a newcomer sees it."""

from __future__ import annotations

import io
import re
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from email.parser import Parser
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from standardwebhooks import Webhook

from app.demo import receivers
from app.demo.folder import DATABASE, Folder
from app.demo.run import run_demo
from app.settings import Settings
from tests.demo.conftest import Demo, demo_command, environment, run_command

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def ask(database: Path, query: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(database) as connection:
        return connection.execute(query).fetchall()


def test_it_says_what_was_found_and_when(demo: Demo) -> None:
    assert "firing    concept_drift: all rows" in demo.output
    assert "concept_drift" in demo.output.split("First alarm of each check")[1]
    for month in ("2013-03", "2013-05"):
        assert month in demo.output


def test_the_loop_closes_and_its_times_are_told_in_their_order(demo: Demo) -> None:
    done, told = demo.state.retrainings[0], demo.output.split("Version 2, concept_drift")[1]
    assert done.promoted
    steps = (
        "breach",
        "alert",
        "request",
        "training",
        "trained on",
        "squared error",
        "takeover",
        "alert ended",
        "within limits",
    )
    places = [told.index(f"  {step} ") for step in [*steps, "within limits"]]
    assert places == sorted(places)
    times = [datetime.fromisoformat(found) for found in re.findall(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC", told)]
    alert, request, training, takeover = times[:4]
    assert alert <= request <= training < takeover
    assert "version 2 answers since" in demo.output


def test_watchkeeper_knows_what_became_of_the_request(demo: Demo) -> None:
    runs = ask(demo.database, "SELECT webhook_id, state, new_version, training_set FROM retraining_run ORDER BY id")
    sets = [content for (content,) in ask(demo.database, "SELECT hash FROM training_set")]
    versions = dict(ask(demo.database, "SELECT name, training_set FROM version"))
    assert [state for _, state, _, _ in runs] == ["succeeded"] * len(demo.state.retrainings)
    for (_, _, version, training_set), done in zip(runs, demo.state.retrainings, strict=True):
        assert (version, training_set) == (done.version, done.training_set)
        assert versions[version] == training_set
        assert training_set in sets


def test_the_deployment_is_recorded_at_the_time_of_the_replay(demo: Demo) -> None:
    found = ask(
        demo.database,
        "SELECT version.name, at, author FROM deployment JOIN version ON version.id = version_id"
        " WHERE to_stage = 'live' ORDER BY deployment.id",
    )
    promoted = [done for done in demo.state.retrainings if done.promoted]
    assert [name for name, _, _ in found] == ["1", *(done.version for done in promoted)]
    for (_, at, author), done in zip(found[1:], promoted, strict=True):
        assert done.accepted_at < datetime.fromisoformat(at).replace(tzinfo=UTC) <= done.finished_at
        assert author == "demo-trainer"


def test_the_serving_side_shows_in_a_drill_that_it_can_go_back(demo: Demo) -> None:
    (drill,) = demo.state.drills
    assert (drill.version, drill.state, drill.rows) == ("1", "passed", 20)
    took = [seconds for seconds in drill.steps.values() if seconds is not None]
    assert len(took) == 3
    assert 0 < sum(took) < 60
    assert ask(demo.database, "SELECT count(*) FROM drill WHERE state = 'passed'") == [(1,)]
    assert "Rollback drill" in demo.output


def test_nothing_that_was_sent_lies_in_the_future(demo: Demo) -> None:
    now = datetime.now(UTC).replace(tzinfo=None).isoformat(" ")
    ((newest, said),) = ask(
        demo.database, "SELECT (SELECT max(event_time) FROM prediction), (SELECT max(said_at) FROM correction)"
    )
    assert newest < now
    assert said < now


def test_people_who_do_not_exist_are_named_so(demo: Demo) -> None:
    authors = ask(demo.database, "SELECT DISTINCT source, author FROM correction ORDER BY 1")
    assert authors == [("audit", "simulated-auditor"), ("ground_truth", None), ("user", "simulated-user")]


def test_every_message_that_counts_as_delivered_arrived(demo: Demo) -> None:
    kinds = dict(
        ask(
            demo.database,
            "SELECT channel.kind, count(*) FROM delivery JOIN channel ON channel.id = channel_id"
            " WHERE state = 'delivered' GROUP BY 1",
        )
    )
    received = demo.path / "received"
    assert kinds["slack"] == len(list(received.glob(receivers.SLACK))) > 0
    assert kinds["email"] == len(list(received.glob(receivers.EMAIL))) > 0
    assert ask(demo.database, "SELECT count(*) FROM delivery WHERE state != 'delivered'") == [(0,)]


def test_retraining_requests_arrived_once_each_and_signed(demo: Demo) -> None:
    sent = dict(ask(demo.database, "SELECT webhook_id, payload FROM action WHERE state = 'delivered'"))
    webhook = Webhook(Folder(demo.path).secrets.retraining.read_text())
    arrived = {}
    for path in (demo.path / "received").glob(receivers.RETRAINING):
        headers = Parser().parsestr(path.with_suffix(".headers").read_text())
        at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        assert headers["webhook-signature"] == webhook.sign(headers["webhook-id"], at, path.read_text())
        assert headers["webhook-id"] not in arrived
        arrived[headers["webhook-id"]] = path.read_text()
    assert arrived == sent
    assert arrived


def test_a_second_run_only_tells_again(demo: Demo) -> None:
    before = ask(demo.database, "SELECT count(*), max(id) FROM batch")
    again = run_command(demo.path)
    assert again.returncode == 0, again.stderr
    assert "is finished" in again.stdout
    assert months_said(again.stdout) == months_said(demo.output)
    assert ask(demo.database, "SELECT count(*), max(id) FROM batch") == before


def months_said(output: str) -> str:
    return output.split("Months of 2013")[1].split("First alarm", maxsplit=1)[0]


def test_an_interrupted_demo_starts_over(tmp_path: Path) -> None:
    command, quiet = demo_command(tmp_path), subprocess.DEVNULL
    process = subprocess.Popen(command, env=environment(), stdout=quiet, stderr=quiet)
    wait_until(lambda: _predictions(tmp_path / DATABASE) > 2_000, process)
    process.send_signal(signal.SIGINT)
    assert process.wait(240) != 0  # what it is at may take its time where the machine is busy
    state = Folder(tmp_path).state()
    assert state is not None
    assert not state.finished

    output = io.StringIO()
    run_demo(replace(Settings(), data_dir=tmp_path), months=1, console=Console(file=output, width=100))
    # All flights of March by UTC days; those of an earlier try would show as rejected duplicates.
    assert _predictions(tmp_path / DATABASE) == 28_886
    assert "2013-03" in output.getvalue()
    assert "2013-04" not in output.getvalue()


def _predictions(database: Path) -> int:
    if not database.exists():
        return 0
    try:
        ((count,),) = ask(database, "SELECT count(*) FROM prediction")
    except sqlite3.OperationalError:  # the tables are being made
        return 0
    return int(count)


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[bytes], seconds: float = 400) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, f"ended with code {process.returncode}"
        assert time.monotonic() < deadline, f"nothing for {seconds} s"
        time.sleep(0.1)
