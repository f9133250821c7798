"""`watchkeeper target`, `policy` and `retraining`: their output and exit codes."""

from __future__ import annotations

import json

import pytest

from app.core.errors import ConflictError, InvalidError
from tests.cli.conftest import Run
from tests.receivers import Reply, http_receiver

TOKEN = "hUnTeR2"
AIRFLOW = ("--preset", "airflow", "--set", "dag_id=retrain", "--set", "token=env:AIRFLOW_TOKEN")


@pytest.fixture
def fraud(run: Run) -> Run:
    """A `watchkeeper` that knows version 1 of the model `fraud`."""
    run("model", "add", "fraud", "--task", "binary")
    run("version", "add", "fraud", "1")
    return run


def test_a_target_is_added_listed_tried_out_and_removed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_TOKEN", TOKEN)
    monkeypatch.setenv("WATCHKEEPER_ALLOW_PRIVATE_TARGETS", "true")
    assert "see `watchkeeper target add --help`" in run("target", "list").output
    with http_receiver() as receiver:
        run("target", "add", "training", *AIRFLOW, "--set", f"url={receiver.url('')}")
        (found,) = json.loads(run("target", "list", "--json").output)
        assert (found["name"], found["config"]["token"]) == ("training", "env:AIRFLOW_TOKEN")
        with pytest.raises(ConflictError, match=r"starts a real run .*--yes"):
            run("target", "test", "training")
        receiver.reply = lambda _: Reply(200, b'{"dag_run_id": "msg_1"}')
        assert "training took the request; it started run msg_1" in run("target", "test", "training", "--yes").output
        receiver.reply = lambda _: Reply(403, json.dumps({"detail": f"{TOKEN} may not"}).encode())
        failed = run("target", "test", "training", "--yes", code=1).output
    assert "did not take it: answered HTTP 403: [secret] may not" in failed
    assert TOKEN not in run("target", "show", "training").output
    run("target", "remove", "training")


def test_presets_are_listed_with_their_fields(run: Run) -> None:
    rows = json.loads(run("target", "presets", "--json").output)

    assert {
        "preset": "airflow",
        "field": "dag_id",
        "default": "needed",
        "secret": False,
        "meaning": "identity of the DAG",
    } in rows


def test_a_secret_itself_is_refused(run: Run) -> None:
    with pytest.raises(InvalidError, match="a secret is given as env:NAME") as caught:
        run(
            "target",
            "add",
            "t",
            "--preset",
            "webhook",
            "--set",
            "url=https://ci.example.org",
            "--set",
            f"secret={TOKEN}",
        )

    assert TOKEN not in str(caught.value)


def test_a_policy_says_all_that_it_knows(fraud: Run) -> None:
    fraud("target", "add", "training", *AIRFLOW, "--set", "url=https://airflow.example.org")
    rules = ("--check", "performance", "--check", "performance", "--minimum-severity", "critical", "--budget", "4")
    more = ("--calendar", "mon-fri 08:00-18:00 Europe/Berlin", "--ask-first", "--timeout", "6h", "--target", "training")
    fraud("policy", "set", "fraud", *rules, *more)

    (shown,) = json.loads(fraud("policy", "show", "fraud", "--json").output)
    assert shown["checks"] == ["performance"]
    assert (shown["minimum_severity"], shown["budget"], shown["ask_first"]) == ("critical", 4, True)
    assert (shown["calendar"], shown["timeout"]) == ("mon-fri 08:00-18:00 Europe/Berlin", 6 * 3600)
    assert (shown["target"], shown["last_run"]) == ("training", None)


def test_a_run_is_started_listed_and_shown(fraud: Run) -> None:
    assert "see `watchkeeper policy set --help`" in fraud("retraining", "list").output
    fraud("target", "add", "training", *AIRFLOW, "--set", "url=https://airflow.example.org")
    start = ("retraining", "start", "fraud", "--reason", "new merchants", "--author", "ann", "--target", "training")
    run_id = fraud(*start).output.split()[0]
    with pytest.raises(ConflictError, match="is requested already"):
        fraud(*start)

    (listed,) = json.loads(fraud("retraining", "list", "--model", "fraud", "--json").output)
    assert (listed["id"], listed["state"], listed["asked_by"]) == (run_id, "requested", "ann")
    shown = fraud("retraining", "show", run_id).output
    assert "new merchants" in shown
    assert "UTC" in shown
    assert json.loads(fraud("retraining", "show", run_id, "--json").output)["steps"][0]["new_state"] == "requested"
    assert "it does not wait for approval, it is requested" in fraud("retraining", "approve", run_id, code=1).output
    assert "only a request that could not be delivered" in fraud("retraining", "send-again", run_id, code=1).output
