"""One verdict of many measurements, as a table of cases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.gate import Finding, Verdict, decide
from app.core.model import Measurement, Outcome, Window

DAY = timedelta(days=1)
START = datetime(2026, 3, 1, tzinfo=UTC)
LETTERS = {"b": Outcome.BREACH, "o": Outcome.OK, "?": Outcome.NOT_EVALUATED}


def days(letters: str, *, check: str = "volume", subject: str = "", version: str = "1") -> list[Finding]:
    """A finding per day: `b`reach, `o`k, `?` not evaluated."""
    return [
        Finding(
            version,
            Measurement(
                check,
                subject,
                Window(START + day * DAY, START + (day + 1) * DAY),
                "count",
                LETTERS[letter],
                reason=f"day {day}",
            ),
        )
        for day, letter in enumerate(letters)
    ]


@pytest.mark.parametrize(
    ("measured", "verdict", "code"),
    [
        pytest.param([], "cannot_tell", 2, id="nothing judged is not healthy"),
        pytest.param(days("o"), "healthy", 0, id="one subject in order"),
        pytest.param(days("b"), "breach", 1, id="one breach"),
        pytest.param(days("?"), "cannot_tell", 2, id="not evaluated is not healthy"),
        pytest.param(days("???"), "cannot_tell", 2, id="nor is it three times over"),
        pytest.param(days("o?"), "healthy", 0, id="what was in order earlier counts where the newest cannot tell"),
        pytest.param(days("bo?"), "breach", 1, id="a breach of the asked time counts although it has passed"),
        pytest.param(days("o") + days("?", check="performance"), "healthy", 0, id="one check in order, one unknown"),
        pytest.param(days("o") + days("b", subject="x"), "breach", 1, id="one subject of many in breach"),
        pytest.param(days("o") + days("b", version="2"), "breach", 1, id="one version of two in breach"),
        pytest.param(days("?") + days("b", subject="x"), "breach", 1, id="a breach among unknowns"),
    ],
)
def test_the_verdict(measured: list[Finding], verdict: str, code: int) -> None:
    gate = decide(measured)

    assert (gate.verdict, gate.verdict.exit_code) == (Verdict(verdict), code)


def test_each_subject_is_one_finding_breaches_first_and_healthy_last() -> None:
    gate = decide([*days("ob", subject="a"), *days("oo", subject="b"), *days("??", subject="c"), *days("o")])

    found = [(one.outcome.value, one.measurement.subject, one.measurement.reason) for one in gate.findings]
    assert found == [
        ("breach", "a", "day 1"),
        ("not_evaluated", "c", "day 1"),
        ("ok", "", "day 0"),
        ("ok", "b", "day 1"),
    ]


def test_a_segment_is_a_subject_of_its_own() -> None:
    [whole] = days("o")
    part = replace(whole, measurement=replace(whole.measurement, segment="country=FI", outcome=Outcome.BREACH))

    assert len(decide([whole, part]).findings) == 2


@pytest.mark.parametrize(
    ("letters", "oldest", "verdict"),
    [
        pytest.param("o", DAY, "healthy", id="a window that ended just then still counts"),
        pytest.param("o", DAY + timedelta(seconds=1), "cannot_tell", id="one that ended before says nothing"),
        pytest.param("b", 9 * DAY, "breach", id="an old breach stays one"),
        pytest.param("oo", 2 * DAY, "healthy", id="the newest window decides"),
    ],
)
def test_an_old_window_says_nothing_good(letters: str, oldest: timedelta, verdict: str) -> None:
    gate = decide(days(letters), not_before=START + oldest)

    assert gate.verdict == verdict
    assert ("is the worker running?" in gate.findings[0].measurement.reason) is (verdict == "cannot_tell")


@given(st.lists(st.tuples(st.text("bo?", min_size=1, max_size=4), st.sampled_from(["a", "b"])), max_size=4), st.data())
def test_the_order_of_measurements_does_not_matter(drawn: list[tuple[str, str]], data: st.DataObject) -> None:
    measured = [one for letters, subject in drawn for one in days(letters, subject=subject)]

    assert decide(data.draw(st.permutations(measured))) == decide(measured)
