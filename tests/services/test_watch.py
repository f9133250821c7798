"""Watchkeeper's alerts about itself: raised, told, taken in hand and ended like any other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest
from sqlalchemy import Engine

from app.core.errors import ConflictError
from app.core.looks import LOOKS
from app.core.messages import Kind, Message, from_json
from app.core.severity import Severity
from app.services import rounds
from app.services.checks import all_checks
from app.services.rounds import run_round
from app.services.schedule import Job
from app.settings import Settings
from tests.services.measured import add_channels, rows_of

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
    (message,) = told(engine)
    assert (message.kind, message.severity, message.model) == (Kind.FIRING, Severity.CRITICAL, "")
    assert message.title == "Watchkeeper: jobs breached for evaluate"
    assert "evaluate failed: the reference is damaged" in message.lines[0].reason
    assert "To mend it: read the worker's log" in message.lines[0].reason
    assert "out of date" in message.advice
    (alert,) = [row for row in rows_of(engine, "alert") if row["state"] == "firing"]
    assert (alert["version_id"], alert["check"], alert["subject"]) == (None, "jobs", "evaluate")
    minute(engine, 3, fails=False)
    assert {row["state"] for row in rows_of(engine, "alert")} == {"resolved"}


def test_each_thing_is_an_alert_of_its_own_and_a_note_is_none(engine: Engine) -> None:
    add_channels(engine, [("ops", "OPS"), ("mail", "NOT_THERE"), ("page", "NOR_THIS")])
    minute(engine, 0, fails=False)
    found = {(row["check"], row["subject"]) for row in rows_of(engine, "alert")}
    assert found == {("secrets", "channel mail"), ("secrets", "channel page")}  # neither no worker nor no heartbeat
    (message,) = told(engine)
    assert [line.subject for line in message.lines] == ["channel mail", "channel page"]
    assert message.severity is Severity.WARNING


def test_nobody_else_has_these_names() -> None:
    assert not {look.subject for look in LOOKS} & set(all_checks())


@pytest.mark.parametrize("url", ["https://watch.example.org", "nonsense"])
def test_what_the_settings_say_is_looked_at_too(engine: Engine, url: str) -> None:
    minute(engine, 0, fails=False, settings=Settings(public_url=url))
    assert [row["check"] for row in rows_of(engine, "alert")] == (["public_url"] if url == "nonsense" else [])
