"""`watchkeeper alert` and `silence`: from what fires to who has it in hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine

from app.core.errors import ConflictError, InvalidError, NotFoundError
from app.services.alerting import alert
from app.storage.engine import engine_for
from tests.cli.conftest import Run
from tests.services.measured import add_version, measure


@pytest.fixture
def engine(run: Run, tmp_path: Path) -> Iterator[Engine]:
    """The database that `run` works on, with two alerts of one check that fire."""
    run("db", "upgrade")
    engine = engine_for(URL.create("sqlite", database=str(tmp_path / "data" / "watchkeeper.sqlite3")))
    version_id = add_version(engine)
    for subject in ("age", "fare"):
        measure(engine, version_id, "b", subject=subject)
    alert(engine, datetime.now(UTC))
    yield engine
    engine.dispose()


def test_an_alert_is_taken_in_hand_and_given_back(run: Run, engine: Engine) -> None:
    (row, _) = json.loads(run("alert", "list", "--json").stdout)
    assert (row["status"], row["severity"], row["acknowledged_by"]) == ("firing", "warning", "")

    done = run("alert", "ack", str(row["id"]), "--group", "--author", "ann", "--comment", "on it")
    assert done.stdout == "acknowledged by ann: 1, 2\n"
    shown = run("alert", "show", "1").stdout
    assert "training_serving_skew of age is acknowledged (warning)" in shown
    assert "Who has it\n  ann: on it" in shown
    assert "in breach since the window of 2026-03-01 00:00 UTC" in shown

    assert json.loads(run("alert", "unack", "1", "--author", "ann", "--json").stdout) == [{"id": 1}]
    with pytest.raises(ConflictError, match="alert 1 is firing"):
        run("alert", "unack", "1")
    for command in ("show", "ack"):
        with pytest.raises(NotFoundError, match="no alert '7'"):
            run("alert", command, "7")
    assert "nobody: there was no channel" in shown


def test_an_alert_is_resolved_by_hand(run: Run, engine: Engine) -> None:
    done = run("alert", "resolve", "1", "--group", "--author", "ann", "--comment", "mended")
    assert done.stdout == "resolved by ann: 1, 2\n"
    assert run("alert", "list").stdout == "no open alert\n"
    assert "firing -> resolved: resolved by ann: mended" in run("alert", "show", "1").stdout
    with pytest.raises(ConflictError, match="alert 1 is resolved"):
        run("alert", "resolve", "1", "--comment", "mended")


def test_a_silence_is_made_listed_and_ended(run: Run, engine: Engine) -> None:
    assert run("silence", "list").stdout.startswith("no silence: every alert is told")
    made = run("silence", "add", "--model", "del*", "--for", "2h", "--comment", "a migration", "--author", "ann")
    assert made.stdout == "silence 1 is active: nobody is told of alerts with model=del*\n"
    assert "Note" not in made.output
    assert "silenced" in run("alert", "list").stdout
    typo = run("silence", "add", "--model", "delay", "--check", "volum", "--for", "2h", "--comment", "x")
    assert "Note: no open alert fits it now" in typo.output
    run("silence", "end", "2")
    (row,) = json.loads(run("silence", "list", "--json").stdout)
    assert (row["status"], row["author"], row["comment"], row["weekly"]) == ("active", "ann", "a migration", None)

    run("silence", "end", "1", "--author", "bob")
    assert "no silence" in run("silence", "list").stdout
    assert "ended" in run("silence", "list", "--all").stdout
    with pytest.raises(NotFoundError, match="no silence '7'"):
        run("silence", "end", "7")


def test_maintenance_recurs(run: Run) -> None:
    weekly = ("--days", "sat-sun", "--at", "22:00", "--zone", "Europe/Berlin", "--comment", "backups")
    row = json.loads(run("silence", "add", "--model", "delay", *weekly, "--for", "3h", "--json").stdout)
    assert row["weekly"] == {"days": "sat,sun", "at": "22:00", "minutes": 180, "zone": "Europe/Berlin"}
    assert row["expires"] is None
    assert "--days needs --at and --for" in run("silence", "add", "--model", "delay", *weekly, code=2).output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--for", "2h"), "at least one of project, model, version, check, subject, segment must be given"),
        (("--model", "a"), "a silence that does not recur must say when it ends"),
        (("--model", "a", "--expires", "2020-01-01"), "allowed is a time to come, after it starts"),
        (("--model", "a", "--days", "someday", "--at", "1:00", "--for", "1h"), "allowed are mon, tue"),
    ],
)
def test_a_silence_that_makes_no_sense_is_told_why(run: Run, arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(InvalidError, match=said):
        run("silence", "add", *arguments, "--comment", "x")
