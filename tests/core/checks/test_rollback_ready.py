"""Whether the model could go back, by what is known of its earlier versions and of their drills."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from app.core.checks.rollback_ready import NEVER, NO_PREVIOUS, NOT_LIVE, PLUGIN
from app.core.deployments import Candidate
from app.core.drills import Drill, DrillState, Recovery, recovery
from app.core.model import Model, Outcome, Stage, Task, Version
from tests.core.checks.cases import DAY, LIVE, measured, usual

MODEL = Model("m", Task.BINARY, max_drill_age=timedelta(days=3))
OK, BREACH, UNTOLD = Outcome.OK, Outcome.BREACH, Outcome.NOT_EVALUATED


def candidate(name: str, lacks: str = "") -> Candidate:
    return Candidate(name, Stage.RETIRED if lacks == "retired" else Stage.REGISTERED, lacks != "reference")


def drill(state: DrillState, day: float, version: str = "1") -> Drill:
    end = LIVE + day * DAY
    return Drill(1, "m", version, state, "ann", end, end, end, end, end, 20, "" if state == "passed" else "no answer")


NONE = "there is no version to try"
PASSED, FAILED, RUNNING = DrillState.PASSED, DrillState.FAILED, DrillState.RUNNING


@pytest.mark.parametrize(
    ("known", "outcomes", "reasons"),
    [
        pytest.param(recovery([], []), [UNTOLD] * 3, [NO_PREVIOUS, NONE, NONE], id="the first"),
        pytest.param(recovery([candidate("1")], []), [UNTOLD] * 3, [NEVER] * 3, id="ready, and never tried"),
        pytest.param(
            recovery([candidate("1")], [drill(RUNNING, 0)]),
            [UNTOLD] * 3,
            [NEVER] * 3,
            id="one runs now",
        ),
        pytest.param(
            recovery([candidate("1", "retired"), candidate("0", "reference")], []),
            [BREACH, UNTOLD, UNTOLD],
            ["no earlier version is ready: 1 is retired; 0 has no reference", NONE, NONE],
            id="none that could be restored",
        ),
        pytest.param(recovery([candidate("1")], [drill(PASSED, 2)]), [OK] * 3, [""] * 3, id="shown lately"),
        pytest.param(
            recovery([candidate("1")], [drill(PASSED, 1.5)]),
            [OK, BREACH, OK],
            ["", "version 1 was last shown to be restorable longer ago than declared", ""],
            id="shown too long ago",
        ),
        pytest.param(
            recovery([candidate("1")], [drill(FAILED, 4), drill(FAILED, 3), drill(PASSED, 2)]),
            [OK, OK, BREACH],
            ["", "", "version 1: no answer"],
            id="failed since it passed",
        ),
        pytest.param(
            recovery([candidate("1")], [drill(FAILED, 4)]),
            [OK, UNTOLD, BREACH],
            ["", "no drill has passed yet", "version 1: no answer"],
            id="failed, and never passed",
        ),
        pytest.param(
            recovery([candidate("2"), candidate("1")], [drill(PASSED, 4)]),
            [UNTOLD] * 3,
            [NEVER] * 3,
            id="another version was tried",
        ),
    ],
)
def test_the_last_of_five_days(known: Recovery, outcomes: list[Outcome], reasons: list[str]) -> None:
    case = replace(usual(seed=80).but(model=MODEL, version=Version(1, "9")).case(), recovery=known)
    last = measured(PLUGIN, case).tail(3)
    assert last.subject.tolist() == ["previous_version", "drill_age", "failed_drills"]
    assert last.outcome.tolist() == outcomes
    assert last.reason.tolist() == reasons


def test_the_age_is_that_at_the_end_of_the_window_and_never_negative() -> None:
    known = recovery([candidate("1")], [drill(PASSED, 2)])
    case = replace(usual(seed=80).but(model=MODEL, version=Version(1, "9")).case(), recovery=known)
    found = measured(PLUGIN, case)
    assert found[found.subject == "drill_age"].value.tolist() == [0, 0, 1, 2, 3]


def test_of_a_version_that_is_not_live_it_cannot_be_told() -> None:
    known = recovery([candidate("1")], [drill(PASSED, 2)])
    case = usual(seed=80).but(model=MODEL, version=Version(1, "9", Stage.SHADOW)).case()
    found = measured(PLUGIN, replace(case, recovery=known))
    assert set(found.outcome) == {UNTOLD}
    assert set(found.reason) == {NOT_LIVE}
