"""Watchkeeper's alerts about itself: raised, told, taken in hand and ended like any other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
from sqlalchemy import Connection, Engine, insert, select

from app.core.alerting import Finding
from app.core.errors import ConflictError
from app.core.looks import LOOKS
from app.core.messages import Kind, Message, from_json
from app.core.routing import Route, RouteMatch
from app.core.severity import Severity
from app.services import alerting, rounds
from app.services.checks import all_checks
from app.services.rounds import run_round
from app.services.routing import add_route
from app.services.schedule import Job
from app.services.self_watch import read_facts
from app.settings import Settings
from app.storage import alerts, migrate, self_watch
from app.storage.engine import read, write
from app.storage.tables import retraining_run, version
from tests.services.measured import add_channels, add_version, measure, rows_of

NOW = datetime.now(UTC).replace(second=0, microsecond=0)
MINUTE = timedelta(minutes=1)


def told(engine: Engine) -> list[Message]:
    return [from_json(row["message"]) for row in rows_of(engine, "notification")]  # type: ignore[arg-type]


def minute(engine: Engine, number: int, *, fails: bool, settings: Settings | None = None) -> None:
    """What happens in that minute: an evaluation that may fail, and a look at it."""
    error = ConflictError("the reference is damaged") if fails else None
    with patch.object(rounds, "evaluate", autospec=True, side_effect=error, return_value=rounds.RoundSummary(())):
        at = NOW + number * MINUTE
        jobs = [Job.EVALUATE, Job.WATCH]
        run_round(engine, settings or Settings(), at, environment={"OPS": "https://hooks.example"}, jobs=jobs)


def test_a_job_that_fails_is_told_once_and_so_is_its_end(engine: Engine) -> None:
    add_channels(engine, [("ops", "OPS")])
    for number in range(3):
        minute(engine, number, fails=True)
    # What else a look finds of this machine is not asked here.
    (message,) = [one for one in told(engine) if one.title.startswith("Watchkeeper: jobs")]
    assert (message.kind, message.severity, message.model) == (Kind.FIRING, Severity.CRITICAL, "")
    assert message.title == "Watchkeeper: jobs breached for evaluate"
    assert "evaluate failed: the reference is damaged" in message.lines[0].reason
    assert "To mend it: read the worker's log" in message.lines[0].reason
    assert "out of date" in message.advice
    (alert,) = [row for row in rows_of(engine, "alert") if row["state"] == "firing"]
    assert (alert["version_id"], alert["check"], alert["subject"]) == (None, "jobs", "evaluate")
    minute(engine, 3, fails=False)
    assert {row["state"] for row in rows_of(engine, "alert")} == {"resolved"}


def test_what_cannot_be_looked_at_is_not_over(engine: Engine) -> None:
    add_channels(engine, [("mail", "NOT_THERE")])
    minute(engine, 0, fails=False)
    with patch.object(migrate, "current", autospec=True, return_value="of a newer program"):
        at = NOW + MINUTE
        (run,) = run_round(engine, Settings(), at, environment={}, jobs=[Job.WATCH]).jobs
    assert "the database cannot be used" in run.detail
    assert [(row["check"], row["state"]) for row in rows_of(engine, "alert")] == [("secrets", "firing")]


def test_each_thing_is_an_alert_of_its_own_and_a_note_is_none(engine: Engine) -> None:
    add_channels(engine, [("ops", "OPS"), ("mail", "NOT_THERE"), ("page", "NOR_THIS")])
    minute(engine, 0, fails=False)
    found = {(row["check"], row["subject"]) for row in rows_of(engine, "alert")}
    assert found == {("secrets", "channel mail"), ("secrets", "channel page")}  # neither no worker nor no heartbeat
    (message,) = told(engine)
    assert [line.subject for line in message.lines] == ["channel mail", "channel page"]
    assert message.severity is Severity.WARNING


@pytest.mark.parametrize(("digest", "deliveries"), [("", 1), ("daily 08:00", 0)])
def test_a_route_may_keep_it_for_the_digest(engine: Engine, digest: str, deliveries: int) -> None:
    add_channels(engine, [("ops", "OPS")])
    add_route(engine, NOW, Route(RouteMatch(check="jobs"), ("ops",), digest=True), author="ann")

    for number in range(3):
        minute(engine, number, fails=True, settings=Settings(digest=digest))

    assert len(rows_of(engine, "delivery")) == deliveries


def test_nobody_else_has_these_names() -> None:
    assert not {look.subject for look in LOOKS} & set(all_checks())


@pytest.mark.parametrize("url", ["https://watch.example.org", "nonsense"])
def test_what_the_settings_say_is_looked_at_too(engine: Engine, url: str) -> None:
    minute(engine, 0, fails=False, settings=Settings(public_url=url))
    assert [row["check"] for row in rows_of(engine, "alert")] == (["public_url"] if url == "nonsense" else [])


def test_those_who_look_at_the_same_moment_find_nothing_wrong_with_the_data_folder(
    engine: Engine, tmp_path: Path
) -> None:
    """Worker, dashboard and `doctor` share one."""
    settings = Settings(data_dir=tmp_path / "data")

    def look(_: int) -> str:
        return read_facts(engine, settings, NOW, {}).data_folder.error

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(look, range(80))) == {""}
    assert list(settings.data_dir.iterdir()) == []


def test_one_version_whose_findings_are_damaged_keeps_no_other_alert_back(engine: Engine) -> None:
    add_channels(engine, [("ops", "OPS")])
    damaged, healthy = add_version(engine, "damaged"), add_version(engine, "healthy")
    for version_id in (damaged, healthy):
        measure(engine, version_id, "b")
    read_findings = alerts.newest_findings

    def read_damaged(connection: Connection, version_id: int, oldest: datetime) -> list[Finding]:
        if version_id == damaged:
            raise ValueError("no such outcome")
        return read_findings(connection, version_id, oldest)

    with (
        patch.object(alerts, "newest_findings", autospec=True, side_effect=read_damaged),
        pytest.raises(ExceptionGroup, match="1 versions could not be decided") as raised,
    ):
        alerting.alert(engine, NOW)
    assert raised.value.exceptions[0].__notes__ == ["model 'damaged' version '1'"]
    assert [message.model for message in told(engine)] == ["healthy"]


def test_a_retraining_run_that_failed_is_told_until_a_newer_one_does_better(engine: Engine) -> None:
    version_id = add_version(engine, "fraud")
    for number, state in enumerate(("failed", "timed_out", "succeeded")):
        with write(engine) as connection:
            connection.execute(insert(retraining_run).values(**run_of(connection, version_id, number, state)))
        with read(engine) as connection:
            found = self_watch.failed_runs(connection, NOW)
        assert [(one.model, one.run, one.state) for one in found] == (
            [] if state == "succeeded" else [("fraud", f"msg_{number}", state)]
        )
    with read(engine) as connection:
        assert self_watch.failed_runs(connection, NOW + timedelta(days=8)) == ()


def run_of(connection: Connection, version_id: int, number: int, state: str) -> dict[str, object]:
    """A row of a retraining run that came to this."""
    model_id = connection.scalar(select(version.c.model_id).where(version.c.id == version_id))
    asked = {"asked_by": "ann", "reason": "new merchants", "payload": "{}", "timeout_seconds": 60}
    times = {"created_at": NOW, "changed_at": NOW}
    return {
        "webhook_id": f"msg_{number}",
        "model_id": model_id,
        "version_id": version_id,
        "state": state,
        **asked,
        **times,
    }
