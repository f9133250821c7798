"""The heartbeat: called while all goes well, silent or failing when it does not, and its address never told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine

from app.cli import cli
from app.core.errors import ConflictError
from app.services import rounds
from app.services.rounds import JobRun, run_round
from app.services.schedule import Job
from app.settings import Settings
from app.storage.jobs import RunState
from tests.receivers import HttpReceiver, Reply, closed_port, http_receiver
from tests.services.measured import rows_of

NOW = datetime.now(UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with http_receiver() as receiver:
        yield receiver


def beat(engine: Engine, settings: Settings, minutes: int = 0, jobs: tuple[Job, ...] = ()) -> JobRun:
    """A round of these jobs and of the heartbeat, whose run it gives."""
    chosen = (*jobs, Job.HEARTBEAT)
    return run_round(engine, settings, NOW + minutes * MINUTE, environment={}, jobs=chosen).jobs[-1]


def test_it_is_sent_once_a_minute_while_every_job_goes_well(engine: Engine, receiver: HttpReceiver) -> None:
    settings = Settings(heartbeat_url=receiver.url("/token"))
    assert beat(engine, settings, 0, (Job.FOLD,)).detail == "sent=True"
    assert run_round(engine, settings, NOW, environment={}, jobs=[Job.HEARTBEAT]).jobs == ()
    assert beat(engine, settings, 1).outcome is RunState.DONE
    assert [(one.method, one.path) for one in receiver.received] == [("GET", "/token")] * 2


@pytest.mark.parametrize("fail_path", ["", "/token/fail"])
def test_it_is_withheld_while_a_job_fails_and_comes_back(
    engine: Engine, receiver: HttpReceiver, fail_path: str
) -> None:
    fail_url = receiver.url(fail_path) if fail_path else ""
    settings = Settings(heartbeat_url=receiver.url("/token"), heartbeat_fail_url=fail_url)
    with patch.object(rounds, "fold", autospec=True, side_effect=ConflictError("the disk is full")):
        assert "ailing=fold" in beat(engine, settings, 0, (Job.FOLD,)).detail
    assert [one.path for one in receiver.received] == ([fail_path] if fail_path else [])
    assert all(b"fold failed: the disk is full" in one.body for one in receiver.received)
    beat(engine, settings, 1, (Job.FOLD,))
    assert receiver.received[-1].path == "/token"


def test_without_an_address_nothing_is_sent(engine: Engine) -> None:
    run = beat(engine, Settings())
    assert (run.outcome, run.detail) == (RunState.DONE, "")


@pytest.mark.parametrize("status", [404, 503, None])
def test_one_that_does_not_arrive_is_told_without_its_address(
    engine: Engine, receiver: HttpReceiver, status: int | None
) -> None:
    receiver.reply = lambda _: Reply(status=status or 200)
    url = receiver.url("/s3cret") if status else f"http://127.0.0.1:{closed_port()}/s3cret"
    run = beat(engine, Settings(heartbeat_url=url))
    assert run.outcome is RunState.FAILED
    assert (str(status) if status else "cannot connect") in run.detail
    assert "s3cret" not in run.detail
    assert "s3cret" not in json.dumps(rows_of(engine, "job_run"), default=str)
    environment = {
        "WATCHKEEPER_DATABASE_URL": engine.url.render_as_string(hide_password=False),
        "WATCHKEEPER_HEARTBEAT_URL": url,
    }
    said = CliRunner(env=environment).invoke(cli, ["doctor", "--json"]).stdout
    (found,) = [one for one in json.loads(said) if one["subject"] == "heartbeat"]
    assert (found["level"], run.detail in found["what"]) == ("bad", True)
    assert "WATCHKEEPER_HEARTBEAT_URL" in found["mend"]
    assert "s3cret" not in said
    # The next one that arrives makes it well again, and a failed heartbeat was no reason to withhold it.
    receiver.reply = lambda _: Reply()
    assert beat(engine, Settings(heartbeat_url=receiver.url("/token")), 1).detail == "sent=True"
