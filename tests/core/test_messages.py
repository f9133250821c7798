"""What a message says, in which order, and how it is stored."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.core.alerting import Finding
from app.core.messages import MOST_LINES, Kind, Line, Message, compose, facts, from_json, line_text, to_json
from app.core.model import Outcome, Window
from app.core.severity import Severity

START = datetime(2026, 3, 1, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(days=1))


def found(subject: str, value: float = 0.2, **more: Any) -> Finding:
    values = {"limit": 0.1, "statistic": "W1", "reason": "", "segment": "", "outcome": Outcome.BREACH, **more}
    return Finding("skew", subject, window=WINDOW, value=value, **values)


def message(findings: list[Finding], kind: Kind = Kind.FIRING) -> Message:
    return compose(
        findings,
        identity="a1",
        thread="t1",
        kind=kind,
        model="delay",
        version="1",
        at=START,
        since=START,
        advice="Look at the join.",
        link="https://watch.example.org/model",
    )


@pytest.mark.parametrize(
    ("findings", "kind", "title"),
    [
        ([found("")], Kind.FIRING, "delay 1: skew breached"),
        ([found("age")], Kind.FIRING, "delay 1: skew breached for age"),
        ([found("age", segment="carrier=UA")], Kind.FIRING, "delay 1: skew breached for age (carrier=UA)"),
        ([found("a"), found("b", 0.9), found("c")], Kind.FIRING, "delay 1: skew breached for b and 2 more"),
        ([found("age")], Kind.REPEATED, "delay 1: skew still in breach for age"),
        ([found("age")], Kind.ESCALATED, "delay 1: skew still in breach and nobody has it for age"),
        ([found("age")], Kind.ACKNOWLEDGED, "delay 1: skew acknowledged for age"),
        ([found("age", outcome=Outcome.OK)], Kind.RESOLVED, "delay 1: skew back within its limit for age"),
        ([found("age")], Kind.RESOLVED, "delay 1: skew resolved by hand for age"),
    ],
)
def test_title(findings: list[Finding], kind: Kind, title: str) -> None:
    assert message(findings, kind).title == title


def test_the_worst_comes_first() -> None:
    told = message([found("mild", 0.11), found("worst", 0.9), found("bad", 0.5)])

    assert [line.subject for line in told.lines] == ["worst", "bad", "mild"]


def test_a_long_list_is_cut_and_says_so() -> None:
    told = message([found(f"f{n}", 0.2 + n / 100) for n in range(500)])

    assert len(told.lines) == MOST_LINES
    assert told.more == 500 - MOST_LINES
    assert told.lines[0].subject == "f499"


def test_the_expected_rate_is_that_of_the_least_certain_limit() -> None:
    told = message([found("a", expected_rate=0.001), found("b", expected_rate=0.02), found("c")])

    assert told.expected_rate == 0.02
    assert ("Expected false breaches", "0.02 per window and subject") in facts(told)


def test_times_carry_their_zone() -> None:
    assert dict(facts(message([found("a")]))) == {
        "In breach since": "2026-03-01 00:00 UTC",
        "Window": "2026-03-01 00:00 UTC to 2026-03-02 00:00 UTC",
    }


@pytest.mark.parametrize(
    ("kind", "severity", "advice"),
    [
        (Kind.FIRING, Severity.WARNING, "Look at the join."),
        (Kind.REPEATED, Severity.WARNING, "Look at the join."),
        (Kind.ESCALATED, Severity.WARNING, "Look at the join."),
        (Kind.ACKNOWLEDGED, Severity.INFO, ""),
        (Kind.RESOLVED, Severity.INFO, ""),
    ],
)
def test_only_what_alarms_advises(kind: Kind, severity: Severity, advice: str) -> None:
    told = message([found("a")], kind)

    assert (told.severity, told.advice) == (severity, advice)


def test_what_was_stored_by_an_earlier_version_is_read() -> None:
    stored = to_json(message([found("age")])) | {"kind": "resolved", "severity": "info"}

    told = from_json(stored)

    assert (told.kind, told.severity) == (Kind.RESOLVED, Severity.INFO)


@pytest.mark.parametrize("value", [0.25, None, math.inf, -math.inf])
def test_stored_and_read_again_it_is_the_same(value: float | None) -> None:
    told = message([found("age", value, limit=math.inf, segment="carrier=UA", reason="ä <b>")])  # type: ignore[arg-type]

    stored = json.dumps(to_json(told), allow_nan=False)

    assert from_json(json.loads(stored)) == told


def test_nan_survives_storage() -> None:
    stored = json.dumps(to_json(message([found("age", math.nan)])), allow_nan=False)

    value = from_json(json.loads(stored)).lines[0].value

    assert value is not None
    assert math.isnan(value)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (Line("a", "", 0.31234, 0.1, "W1", "25 % above normal"), "0.3123, limit 0.1 (W1); 25 % above normal"),
        (Line("a", "", 1234567.0, None, "", ""), "1.235e+06"),
        (Line("a", "", None, 0.1, "W1", "no rows"), "no rows"),
        (Line("a", "", None, None, "", ""), "no value"),
        (Line("a", "", math.nan, 0.1, "W1", ""), "nan, limit 0.1 (W1)"),
    ],
)
def test_line_text(line: Line, text: str) -> None:
    assert line_text(line) == text
