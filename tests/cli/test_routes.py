"""`watchkeeper route` from the first word to the last."""

from __future__ import annotations

import json

import pytest

from app.core.errors import InvalidError
from tests.cli.conftest import Run


@pytest.fixture
def channels(run: Run) -> Run:
    for name in ("ops", "pager"):
        run("channel", "add", name, "--kind", "slack", "--set", f"url=env:{name.upper()}")
    return run


def test_a_route_is_added_listed_explained_and_removed(channels: Run) -> None:
    run = channels
    assert "no route: every alert goes to every channel" in run("route", "list").output
    said = run("route", "add", "--model", "fraud*", "--to", "ops", "--escalate-after", "15m", "--escalate-to", "pager")
    assert said.stdout == "route 1 stands at position 1: model=fraud* goes to ops\n"
    run("route", "add", "--severity", "critical", "--to", "pager", "--continue", "--position", "1")

    rows = json.loads(run("route", "list", "--json").stdout)
    assert [(row["id"], row["channels"], row["continue"]) for row in rows] == [
        (2, ["pager"], True),
        (1, ["ops"], False),
    ]
    asked = ("route", "explain", "--model", "fraud-eu", "--check", "volume")
    assert run(*asked).stdout == "route 1: model=fraud*\nat once: ops\nescalated after 15 min to pager\n"
    assert json.loads(run(*asked, "--severity", "critical", "--json").stdout)["at_once"] == ["ops", "pager"]

    run("route", "move", "1", "--position", "1")
    run("route", "remove", "2")
    assert [row["id"] for row in json.loads(run("route", "list", "--json").stdout)] == [1]


def test_a_name_that_is_too_long_to_be_written_down_is_refused(channels: Run) -> None:
    with pytest.raises(InvalidError, match=r"author: .* it has 201 characters, allowed are at most 200"):
        channels("route", "add", "--to", "ops", "--author", "n" * 201)
    assert json.loads(channels("route", "list", "--json").stdout) == []


def test_doctor_names_the_routes_whose_channel_was_removed(channels: Run) -> None:
    run = channels
    run("route", "add", "--model", "fraud*", "--to", "ops", "--escalate-after", "15m", "--escalate-to", "pager")

    def said() -> tuple[str, str]:
        [one] = json.loads(run("doctor", "--only", "routes", "--json", code=None).stdout)
        return one["level"], one["what"]

    assert said() == ("ok", "each leads to channels that are on")
    run("channel", "off", "ops")
    why = "so it takes nothing, and those behind it do"
    assert said() == ("note", f"route 1 (model=fraud*) names channels that are off: ops, {why}")
    run("channel", "on", "ops")
    run("channel", "remove", "pager")
    assert said() == ("bad", "route 1 (model=fraud*) names channels that are gone: pager")


def test_a_route_is_changed_in_part_and_previewed(channels: Run) -> None:
    run = channels
    run("route", "add", "--model", "fraud*", "--owner", "pay", "--to", "ops", "--repeat", "8h", "--continue")
    nothing = run("route", "set", "1", "--to", "pager", "--preview")
    assert "no check that alerted in the last 30 days would be told otherwise" in nothing.stdout
    assert json.loads(run("route", "remove", "1", "--preview", "--json").stdout) == []
    assert json.loads(run("route", "list", "--json").stdout)[0]["channels"] == ["ops"]

    said = run("route", "set", "1", "--to", "pager", "--unset", "owner", "--unset", "repeat", "--no-continue")
    assert said.stdout == "route 1 stands at position 1: model=fraud* goes to pager\n"
    (row,) = json.loads(run("route", "list", "--json").stdout)
    assert (row["takes"], row["channels"], row["repeat"], row["continue"]) == ("model=fraud*", ["pager"], None, False)
    changed = json.loads(run("route", "set", "1", "--severity", "critical", "--json").stdout)
    assert changed["takes"] == "model=fraud* severity>=critical"

    assert "say what to change" in run("route", "set", "1", code=2).output
    assert "which of the two" in run("route", "set", "1", "--owner", "a", "--unset", "owner", code=2).output


def test_a_digest_is_previewed_and_said_not_to_be_sent(channels: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run = channels
    nothing = run("digest", "preview").output
    assert "nothing to say to any channel" in nothing
    assert "no digest is sent; set WATCHKEEPER_DIGEST" in nothing
    assert "so it goes at once" in run("route", "add", "--to", "ops", "--digest").output

    monkeypatch.setenv("WATCHKEEPER_DIGEST", "daily 08:00 Europe/Berlin always")
    shown = run("digest", "preview").stdout
    assert "to ops: Daily digest: nothing happened (from " in shown
    assert "  Nothing began, nothing is over, and nothing is in breach." in shown
    assert "in the digest: ops" in run("route", "explain", "--model", "m", "--check", "volume").stdout
    (first, _) = json.loads(run("digest", "preview", "--json").stdout)
    assert (first["channel"], first["kind"]) == ("ops", "digest")
