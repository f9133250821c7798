"""Going back, drills and who is told, from a shell."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import URL

from app.cli import cli
from app.core.errors import ConflictError, WatchkeeperError
from app.storage import drills
from app.storage.catalogue import find_model, find_version
from app.storage.engine import engine_for, write
from tests.services.test_deployments import register

Run = Callable[..., Result]


@pytest.fixture
def run(sqlite_url: URL, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command on a database where 2 is live in place of 1."""
    engine = engine_for(sqlite_url)
    register(engine, "1", "2")
    engine.dispose()
    monkeypatch.setenv("WATCHKEEPER_DATABASE_URL", str(sqlite_url))
    return lambda *arguments: CliRunner().invoke(cli, [str(one) for one in arguments])


def test_a_rollback_is_planned_made_and_listed(run: Run) -> None:
    planned = run("rollback", "--model", "fraud", "--dry-run")
    assert (planned.exit_code, planned.output) == (0, "fraud: version 1 would be live in place of 2\n")
    made = run("rollback", "--model", "fraud", "--author", "ann", "--reason", "worse", "--json")
    [row] = json.loads(made.output)
    assert (row["version"], row["replaces"], row["done"]) == ("1", ["2"], True)
    listed = json.loads(run("deployment", "list", "--model", "fraud", "--json").output)
    assert (listed[-1]["kind"], listed[-1]["author"], listed[-1]["reason"]) == ("rollback", "ann", "worse")
    with pytest.raises(ConflictError, match="none was live before"):
        raise run("rollback", "--model", "fraud").exception or AssertionError


def test_the_author_is_whoever_is_logged_in(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "bob")
    run("version", "stage", "fraud", "1", "live", "--beside")
    listed = json.loads(run("deployment", "list", "--json").output)
    assert (listed[-1]["author"], listed[-1]["to_stage"]) == ("bob", "live")
    assert json.loads(run("live", "show", "fraud", "--json").output)[0]["versions"] == ["1", "2"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["rollback"], "Missing option '--model'", id="a rollback of which model"),
        pytest.param(["drill"], "Missing option '--model'", id="a drill of which model"),
        pytest.param(["version", "stage", "fraud", "1", "shadow", "--beside"], "--beside goes with", id="beside what"),
    ],
)
def test_what_is_missing_is_said(run: Run, arguments: list[str], words: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert words in result.output


def test_a_drill_that_proves_nothing_does_not_begin_and_the_list_says_how_to(run: Run) -> None:
    with pytest.raises(WatchkeeperError, match="nothing is logged that it answered"):
        raise run("drill", "--model", "fraud").exception or AssertionError
    assert "no drill yet; run `watchkeeper drill --model MODEL`" in run("drill", "list").output


def test_a_drill_that_waits_is_called_off(run: Run, sqlite_url: URL) -> None:
    engine, now = engine_for(sqlite_url), datetime.now(UTC)
    with write(engine) as connection:
        tried = find_version(connection, find_model(connection, "fraud").id, "1")
        number = drills.add_drill(connection, tried, 20, "ann", now, now + timedelta(minutes=10))
    engine.dispose()

    said = run("drill", "call-off", number, "--author", "bob", "--reason", "deployed anew")

    assert (said.exit_code, said.output) == (0, "drill 1 of version 1 of fraud: bob called it off: deployed anew\n")
    [row] = json.loads(run("drill", "list", "--json").output)
    assert (row["state"], row["called_off_by"], row["reason"]) == ("called_off", "bob", "deployed anew")
    with pytest.raises(ConflictError, match="drill 1 is over, bob called it off"):
        raise run("drill", "call-off", number).exception or AssertionError


def test_a_policy_is_set_and_shown(run: Run) -> None:
    assert "fraud does not go back by itself" in run("rollback", "policy", "show", "fraud").output
    set_ = run("rollback", "policy", "set", "fraud", "--check", "schema", "--within", "2h", "--author", "ann")
    assert "fraud goes back by itself for 2" in set_.output
    [row] = json.loads(run("rollback", "policy", "show", "fraud", "--json").output)
    assert (row["checks"], row["within"], row["author"]) == (["schema"], 7200, "ann")
    assert run("rollback", "policy", "remove", "fraud").exit_code == 0


def test_two_versions_are_compared(run: Run) -> None:
    assert "versions 1 and 2 say the same of themselves" in run("version", "diff", "fraud", "1", "2").output
