"""Compare-and-set: what one process has seen is never undone by another that looked earlier."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Engine

from app.core.alerting import Decision, State, fingerprint
from app.core.severity import Severity
from app.storage import alerts
from app.storage.alerts import NewAlert
from app.storage.engine import read, write
from tests.services.measured import DAY, START, add_version, measure, rows_of

FIRES = Decision(State.FIRING, Severity.WARNING, True, "")
RESOLVES = Decision(State.RESOLVED, Severity.WARNING, True, "")
IDENTITY = fingerprint("default", "delay", "1", "volume", "", "")


def test_of_two_that_open_an_alert_one_does(engine: Engine) -> None:
    version_id = add_version(engine)
    measure(engine, version_id, "b", check="volume", subject="")
    with write(engine) as connection:
        finding = alerts.newest_findings(connection, version_id, START)[0]
        new = [NewAlert(IDENTITY, finding, FIRES)]
        first = alerts.open_alerts(connection, version_id, new, START)
        second = alerts.open_alerts(connection, version_id, new, START)

    assert first.keys() == {IDENTITY}
    assert second == {}
    assert [row["state"] for row in rows_of(engine, "alert")] == ["firing"]


def test_who_saw_an_older_window_changes_nothing(engine: Engine) -> None:
    version_id = add_version(engine)
    measure(engine, version_id, "bob", check="volume", subject="")
    with write(engine) as connection:
        newest = alerts.newest_findings(connection, version_id, START)[0]
        alerts.open_alerts(connection, version_id, [NewAlert(IDENTITY, newest, FIRES)], START)
    with read(engine) as connection:
        stored = alerts.stored_alerts(connection, version_id)[IDENTITY]
    before = rows_of(engine, "alert")

    older = replace(newest, window=replace(newest.window, start=START + DAY), value=0.0)
    with write(engine) as connection:
        assert not alerts.change_state(connection, stored, RESOLVES, older, START)
        alerts.refresh(connection, stored, older)
    assert rows_of(engine, "alert") == before

    with write(engine) as connection:
        assert alerts.change_state(connection, stored, RESOLVES, newest, START)
        assert not alerts.change_state(connection, stored, RESOLVES, newest, START)
