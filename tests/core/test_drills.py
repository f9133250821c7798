"""Whether answers prove that a version was loaded."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest

from app.core.deployments import Candidate
from app.core.drills import Drill, DrillState, Logged, Repeated, differences, recovery
from app.core.model import Stage

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
BINARY = Logged("a", "{}", 0.75, "1", None)
NUMBER = Logged("a", "{}", None, None, 120.0)


def why(logged: Logged, repeated: Repeated, version: str = "2") -> str:
    return differences([logged], [repeated], version, "2")


@pytest.mark.parametrize(
    ("logged", "repeated"),
    [
        pytest.param(BINARY, Repeated("a", 0.75, "1"), id="the same score and class"),
        pytest.param(BINARY, Repeated("a", 0.75), id="the score alone"),
        pytest.param(BINARY, Repeated("a", None, True), id="the class alone, as another type says it"),
        pytest.param(BINARY, Repeated("a", 0.75005), id="a score that other hardware rounds otherwise"),
        pytest.param(NUMBER, Repeated("a", None, 120.005), id="a number that it rounds otherwise"),
        pytest.param(Logged("a", "{}", math.nan, None, None), Repeated("a", math.nan), id="NaN where NaN was logged"),
    ],
)
def test_proof(logged: Logged, repeated: Repeated) -> None:
    assert why(logged, repeated) == ""


@pytest.mark.parametrize(
    ("logged", "repeated", "words"),
    [
        pytest.param(BINARY, Repeated("a", 0.74), "'a' has score 0.74, logged was 0.75", id="another score"),
        pytest.param(BINARY, Repeated("a", 0.75, "0"), "'a' has class '0', logged was '1'", id="another class"),
        pytest.param(BINARY, Repeated("a", math.nan), "has score nan", id="NaN where a number was logged"),
        pytest.param(NUMBER, Repeated("a", None, 121), "'a' has value 121.0, logged was 120.0", id="another number"),
        pytest.param(NUMBER, Repeated("a", 0.5), "neither the score nor the prediction", id="what was not logged"),
        pytest.param(BINARY, Repeated("a"), "neither the score nor the prediction", id="nothing said"),
        pytest.param(BINARY, Repeated("b", 0.75), "1 of 1 rows are not answered, such as 'a'", id="another row"),
    ],
)
def test_no_proof(logged: Logged, repeated: Repeated, words: str) -> None:
    assert words in why(logged, repeated)


def test_the_version_that_answers_must_be_the_one_that_was_asked_for() -> None:
    assert why(BINARY, Repeated("a", 0.75), version="3") == "version '3' answered, not '2'"


def test_the_steps_are_timed_and_a_late_drill_says_what_did_not_happen() -> None:
    def at(seconds: int) -> datetime:
        return NOW + timedelta(seconds=seconds)

    drill = Drill(1, "fraud", "2", DrillState.PASSED, "ann", NOW, at(60), at(1), at(9), at(10), 20, "")
    assert list(drill.steps.values()) == [timedelta(seconds=took) for took in (1, 8, 1)]
    late = Drill(1, "fraud", "2", DrillState.FAILED, "ann", NOW, at(60), None, None, at(60), 20, "")
    assert set(late.steps.values()) == {None}
    assert late.why_late() == "nobody asked for the rows within 60 s: does the serving side listen for drills?"
    loading = Drill(1, "fraud", "2", DrillState.RUNNING, "ann", NOW, at(60), at(1), None, None, 20, "")
    assert loading.why_late() == "the rows were fetched, and no answer came within 60 s"


def test_a_drill_that_was_called_off_proves_nothing_neither_way() -> None:
    later = NOW + timedelta(seconds=9)

    def ended(state: DrillState, by: str = "") -> Drill:
        return Drill(1, "fraud", "2", state, "ann", NOW, later, None, None, later, 20, "no answer", by)

    off = ended(DrillState.CALLED_OFF, "bob")
    ready = [Candidate("2", Stage.REGISTERED, has_reference=True)]
    assert not recovery(ready, [off]).tried
    assert recovery(ready, [off, ended(DrillState.PASSED)]).passed_at == later
    assert recovery(ready, [off, ended(DrillState.FAILED), off]).failures == 1
    assert off.ended == "bob called it off: no answer"
    assert ended(DrillState.FAILED).ended == "it failed: no answer"
    assert ended(DrillState.RUNNING).ended == ""
