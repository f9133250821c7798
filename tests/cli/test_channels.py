"""`watchkeeper channel`: from no channel to one that was changed, tried out, and asked to try again."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Run
from tests.receivers import Reply, http_receiver


def test_a_channel_from_its_kinds_to_its_end(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHKEEPER_ALLOW_PRIVATE_TARGETS", "true")
    kinds = json.loads(run("channel", "kinds", "--json").stdout)
    needed = {(row["kind"], row["field"]) for row in kinds if row["needed"]}
    assert {("slack", "url"), ("pagerduty", "routing_key"), ("email", "host")} <= needed
    assert "no channel" in run("channel", "list").output

    with http_receiver() as receiver:
        monkeypatch.setenv("SLACK", receiver.url("/services/hunter2secret"))
        monkeypatch.setenv("OTHER", receiver.url("/services/other"))
        run("channel", "add", "ops", "--kind", "slack", "--set", "url=env:SLACK")
        assert run("channel", "test", "ops").stdout == "ops took the message `news` (HTTP 200: ok)\n"
        receiver.reply = lambda request: Reply(404, b"no_service " + request.path.encode())
        refused = run("channel", "test", "ops", code=1).output
        tried = json.loads(run("channel", "test", "ops", "--json", code=1).stdout)

        assert "channel ops is changed" in run("channel", "set", "ops", "--set", "url=env:OTHER").output
        run("channel", "test", "ops", code=1)
        assert receiver.received[-1].path == "/services/other"

    assert (
        refused == "ops did not take the message `news`: answered HTTP 404 (HTTP 404: no_service /[secret]/[secret])\n"
    )
    assert [(row["taken"], row["status"]) for row in tried] == [(False, 404)]
    (shown,) = json.loads(run("channel", "show", "ops", "--json").stdout)
    assert (shown["name"], shown["kind"], shown["config"]) == ("ops", "slack", {"url": "env:OTHER"})
    assert shown["pending"] == shown["dead"] == 0
    assert "0 message(s) will be sent to ops again" in run("channel", "retry", "ops").output
    run("channel", "remove", "ops")
    assert run("channel", "list", "--json").stdout.strip() == "[]"


def test_a_change_of_nothing_is_a_mistake(run: Run) -> None:
    assert "say what to change" in run("channel", "set", "ops", code=2).output


def test_a_channel_is_switched_off_and_on_and_that_nobody_is_told_is_said(run: Run) -> None:
    run("channel", "add", "ops", "--kind", "slack", "--set", "url=env:SLACK")

    off = run("channel", "off", "ops", "--author", "ann", "--reason", "the room is moved")
    assert off.stdout == "channel ops is off\n"
    assert off.stderr.startswith("Nobody is told of alerts: every channel is off")
    listed = run("channel", "list")
    assert "the room is moved" in listed.stdout
    assert "Nobody is told of alerts: every channel is off" in listed.stderr
    (row,) = json.loads(run("channel", "list", "--json").stdout)
    assert (row["state"], row["off_by"], row["off_reason"]) == ("off", "ann", "the room is moved")
    doctor = run("doctor", "--only", "deliveries", code=1).output
    assert "every channel is off, so nobody is told of alerts: ops, off since" in doctor

    assert json.loads(run("channel", "on", "ops", "--json").stdout) == {
        "name": "ops",
        "state": "on",
        "taken_back": 0,
        "nobody_told": False,
    }
    (row,) = json.loads(run("channel", "list", "--json").stdout)
    assert (row["state"], row["off_since"], row["off_by"], row["off_reason"]) == ("on", None, None, None)
