"""`watchkeeper limits`, `limit` and `backtest`: their output and exit codes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine

from app.core.errors import InvalidError, NotFoundError
from app.core.model import Model, Task
from app.storage.engine import engine_for
from tests.cli.conftest import Run
from tests.core.checks.cases import usual
from tests.services.test_evaluate import register, store

HEALTHY = usual(seed=3, reference_days=32, count=6, rows=60)
GIVEN = HEALTHY.but(model=Model("m", Task.BINARY), served=HEALTHY.served.assign(source="ground_truth"))
SKEW = ("--model", "m", "--check", "training_serving_skew", "--subject", "x")
SPAN = ("--until", "2026-04-07")
BY_ANN = ("--author", "ann", "--reason", "it is the season")


@pytest.fixture
def served(run: Run, tmp_path: Path) -> Iterator[Engine]:
    """The database that `run` works on, with a model of six days."""
    run("db", "upgrade")
    engine = engine_for(URL.create("sqlite", database=str(tmp_path / "data" / "watchkeeper.sqlite3")))
    store(engine, register(engine, GIVEN), GIVEN.served)
    yield engine
    engine.dispose()


def test_backtest_says_which_alerts_there_would_have_been(run: Run, served: Engine) -> None:
    quiet = run("backtest", "--model", "m", *SPAN).output
    assert "6 windows, 2026-04-01 00:00 to 2026-04-07 00:00 UTC" in quiet
    assert "the budget is 1 false ones a month" in quiet
    tight = ("--limit", "training_serving_skew:x=0.001", "--false-alarms", "2")
    document = json.loads(run("backtest", "--model", "m", *SPAN, *tight, "--format", "json").stdout)
    assert document["budget"] == 2
    (alert,) = [one for one in document["alerts"] if one["check"] == "training_serving_skew"]
    assert (alert["subject"], alert["limit"], alert["to"]) == ("x", 0.001, None)
    (check,) = [one for one in document["checks"] if one["check"] == "training_serving_skew"]
    assert (check["windows_judged"], check["alerts"]) == (6, 1)


def test_backtest_ends_with_2_when_nothing_can_be_judged(run: Run, served: Engine) -> None:
    assert "no closed window" in run("backtest", "--model", "m", "--since", "2030-01-01", code=2).output
    assert "no model 'nobody'" in run("backtest", "--model", "nobody", code=2).output
    assert "write CHECK=X" in run("backtest", "--model", "m", "--limit", "volume", code=2).output
    assert "horoscope" in run("backtest", "--model", "m", "--limit", "horoscope=1", code=2).output


@pytest.mark.parametrize("command", ["limits", "segments", "labels", "why", "scorecard"])
def test_a_model_without_a_version_is_told_how_to_get_one(run: Run, command: str) -> None:
    run("model", "add", "m", "--task", "binary")
    with pytest.raises(NotFoundError, match=r"^there is no version yet: add one with `watchkeeper version add`$"):
        run(command, "--model", "m")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("limits", "no window is judged yet; run `watchkeeper run`"),
        ("segments", "no segments are declared: watchkeeper model segment-by m"),
        ("labels", "no prediction has been counted yet: send some, then `watchkeeper run`"),
        ("why", "cannot tell: no window has been judged yet; run `watchkeeper run`"),
    ],
)
def test_a_version_without_data_or_reference_is_told_what_to_do(run: Run, command: str, words: str) -> None:
    run("model", "add", "m", "--task", "binary")
    run("version", "add", "m", "1")
    assert words in run(command, "--model", "m").output


def test_why_says_in_json_too_that_it_cannot_tell(run: Run) -> None:
    run("model", "add", "m", "--task", "binary")
    run("version", "add", "m", "1")
    said = run("why", "--model", "m", "--format", "json")
    assert json.loads(said.stdout) == []
    assert "Note: cannot tell" in said.stderr


def test_backtest_of_a_model_without_versions_or_data_ends_with_2_and_what_to_do(run: Run) -> None:
    run("model", "add", "m", "--task", "binary")
    assert "there is no version yet: add one" in run("backtest", "--model", "m", code=2).output
    run("version", "add", "m", "1")
    assert "no window with predictions has closed yet" in run("backtest", "--model", "m", code=2).output
    turned = ("--since", "2026-03-02", "--until", "2026-03-01")
    assert "allowed is a time before until" in run("backtest", "--model", "m", *turned, code=2).output


def test_limits_are_listed_with_what_they_cannot_see(run: Run, served: Engine) -> None:
    assert "no window is judged yet" in run("limits", "--model", "m").output
    run("run")
    output = run("limits", "--model", "m").output
    assert "expected false alerts a month: " in output.splitlines()[0]
    assert "of the budget 1" in output
    rows = json.loads(run("limits", "--model", "m", "--format", "json").stdout)["limits"]
    # The newest window is of today, months after the last prediction: without rows there is no limit but of the volume.
    (volume,) = [row for row in rows if row["check"] == "volume"]
    assert volume["limit"] is not None
    assert volume["cannot_detect_below"] is None


def test_a_limit_is_set_listed_and_removed_with_author_and_reason(run: Run, served: Engine) -> None:
    assert "all are learnt" in run("limit", "list", "--model", "m").output
    assert "training_serving_skew:x is 0.4 for windows" in run("limit", "set", *SKEW, "--limit", "0.4", *BY_ANN).output
    assert "it is the season" in run("limit", "list", "--model", "m").output
    run("limit", "remove", *SKEW, "--author", "bob", "--reason", "spring has come")
    (row,) = json.loads(run("limit", "list", "--model", "m", "--all", "--format", "json").stdout)
    assert (row["limit"], row["author"], row["removed_by"]) == (0.4, "ann", "bob")
    with pytest.raises(NotFoundError, match="no limit set for 'training_serving_skew:x'"):
        run("limit", "remove", *SKEW, *BY_ANN)
    for check in ("staleness", "throughput", "feature_parity"):
        with pytest.raises(InvalidError, match=f"check: '{check}' is not allowed"):
            run("limit", "set", "--model", "m", "--check", check, "--limit", "1", *BY_ANN)


def test_a_limit_for_a_subject_that_the_check_does_not_have_is_set_and_doubted(run: Run, served: Engine) -> None:
    run("run")
    target = ("--model", "m", "--check", "performance", "--subject")
    assert "Note" not in run("limit", "set", *target, "accuracy", "--limit", "0.5", *BY_ANN).output
    said = run("limit", "set", *target, "acuracy", "--limit", "0.5", *BY_ANN).output
    assert "Note: performance has no such subject yet: 'acuracy'; there are accuracy, auc" in said
