"""`watchkeeper route` from the first word to the last."""

from __future__ import annotations

import json

import pytest

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
    assert run(*asked).stdout == "route 1: model=fraud*\nat once: ops\nescalated after 0:15:00 to pager\n"
    assert json.loads(run(*asked, "--severity", "critical", "--json").stdout)["at_once"] == ["ops", "pager"]

    run("route", "move", "1", "--position", "1")
    run("route", "remove", "2")
    assert [row["id"] for row in json.loads(run("route", "list", "--json").stdout)] == [1]
