"""`watchkeeper check` says by its exit code, and in four formats, whether a model is healthy."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from sqlalchemy import URL, Engine

from app.cli.verdicts import github, junit
from app.core.gate import Finding, decide
from app.core.model import Measurement, Outcome, Window
from app.storage.engine import engine_for
from tests.cli.conftest import Run
from tests.services.measured import DAY, START, add_version, measure


@pytest.fixture
def stored(run: Run, tmp_path: Path) -> Iterator[Engine]:
    """The database that `run` works on."""
    run("db", "upgrade")
    engine = engine_for(URL.create("sqlite", database=str(tmp_path / "data" / "watchkeeper.sqlite3")))
    yield engine
    engine.dispose()


@pytest.fixture
def mixed(stored: Engine) -> Engine:
    """A breach, a subject in order, and one that cannot be told."""
    one = add_version(stored)
    measure(stored, one, "b", subject="age")
    measure(stored, one, "o", subject="kind")
    measure(stored, one, "?", check="performance", subject="accuracy", value=None, limit=None)
    return stored


@pytest.mark.parametrize(("letter", "code"), [("o", 0), ("b", 1), ("?", 2)])
@pytest.mark.parametrize("format_", ["text", "json", "junit", "github"])
def test_the_exit_code_is_the_verdict(run: Run, stored: Engine, letter: str, code: int, format_: str) -> None:
    measure(stored, add_version(stored), letter)

    run("check", "--model", "delay", "--format", format_, code=code)


def test_what_keeps_the_verdict_from_being_found_is_no_breach(run: Run, tmp_path: Path) -> None:
    assert "no model 'delay'" in run("check", "--model", "delay", code=2).output
    run("model", "add", "delay", "--task", "binary")
    for format_ in ("text", "json", "junit", "github"):
        said = run("check", "--model", "delay", "--format", format_, code=2).output
        assert "the model has no version in use: add one" in said
    run("version", "add", "delay", "1")
    assert "nothing has been judged" in run("check", "--model", "delay", code=2).output
    assert "no check 'horoscope'" in run("check", "--model", "delay", "--check", "horoscope", code=2).output
    (tmp_path / "data" / "watchkeeper.sqlite3").write_bytes(b"no database at all" * 100)
    assert "Error" in run("check", "--model", "delay", code=2).output


def test_text_lists_breaches_and_what_cannot_be_told(run: Run, mixed: Engine) -> None:
    output = run("check", "--model", "delay", code=1).output

    assert "age" in output
    assert "accuracy" in output
    assert "kind" not in output
    assert output.splitlines()[-1] == "breach: 1 in breach, 1 within limits, 1 cannot be told"


def test_json_holds_the_verdict_and_every_finding(run: Run, mixed: Engine) -> None:
    document = json.loads(run("check", "--model", "delay", "--format", "json", code=1).stdout)

    assert {name: document[name] for name in ("model", "verdict", "exit_code")} == {
        "model": "delay",
        "verdict": "breach",
        "exit_code": 1,
    }
    assert [(row["outcome"], row["subject"], row["value"]) for row in document["findings"]] == [
        ("breach", "age", 0.2),
        ("not_evaluated", "accuracy", None),
        ("ok", "kind", 0.2),
    ]
    assert document["findings"][0]["window_start"] == "2026-03-01T00:00:00+00:00"


def test_junit_has_a_test_case_per_check_and_subject(run: Run, mixed: Engine) -> None:
    root = ElementTree.fromstring(run("check", "--model", "delay", "--format", "junit", code=1).stdout)

    [suite] = root
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "1")
    cases = {(case.get("classname"), case.get("name")): [child.tag for child in case] for case in suite}
    assert cases == {
        ("delay.1.training_serving_skew", "age"): ["failure"],
        ("delay.1.performance", "accuracy"): ["skipped"],
        ("delay.1.training_serving_skew", "kind"): [],
    }
    [failure] = suite.iter("failure")
    assert failure.get("message") == "W1 0.2, limit 0.1, window of 2026-03-01 00:00 UTC: day 0 says b"
    [skipped] = suite.iter("skipped")
    assert "day 0 says ?" in (skipped.get("message") or "")


def test_github_gets_a_line_per_annotation(run: Run, mixed: Engine) -> None:
    lines = run("check", "--model", "delay", "--format", "github", code=1).stdout.splitlines()

    found = "W1 0.2, limit 0.1, window of 2026-03-01 00:00 UTC: day 0 says b"
    assert lines == [
        f"::error title=delay 1%3A training_serving_skew age::{found}",
        "::warning title=delay 1%3A performance accuracy::window of 2026-03-01 00:00 UTC: day 0 says ?",
        "::notice title=Watchkeeper delay::breach: 1 in breach, 1 within limits, 1 cannot be told",
    ]


def test_max_age_makes_an_old_window_say_nothing(run: Run, stored: Engine) -> None:
    measure(stored, add_version(stored), "o")

    run("check", "--model", "delay")
    assert "is the worker running?" in run("check", "--model", "delay", "--max-age", "2d", code=2).output


NASTY = 'a<b>&"quoted"\n::error::50%, \x00\x1b'


def nasty() -> Finding:
    one = Measurement("volume", NASTY, Window(START, START + DAY), "count", Outcome.BREACH, reason=NASTY)
    return Finding("1,:\r", one)


def test_no_name_breaks_the_xml() -> None:
    [suite] = ElementTree.fromstring(junit(NASTY, decide([nasty()])))

    assert suite[0].get("name") == NASTY.replace("\x00", "\ufffd").replace("\x1b", "\ufffd")


def test_no_name_ends_or_begins_a_workflow_command() -> None:
    """The runner's own rule: one command per line, properties up to the second `::`, separated by commas."""
    lines = "\n".join(github(NASTY, decide([nasty()]))).split("\n")

    assert len(lines) == 2
    for line in lines:
        command = re.fullmatch(r"::(error|notice) title=([^:,\r]*)::([^\r]*)", line)
        assert command, line
    unescaped = lines[0].partition(" title=")[2].partition("::")[0]
    for code, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        unescaped = unescaped.replace(code, character)
    assert unescaped == f"{NASTY} 1,:\r: volume {NASTY}"
