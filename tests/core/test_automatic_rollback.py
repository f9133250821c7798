"""When a version is taken back without asking anybody, in sentences."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.core.automatic_rollback import Alarm, Facts, RollbackPolicy, should_roll_back
from app.core.deployments import Change, Deployment, Kind
from app.core.model import Stage
from app.core.severity import Severity

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
POLICY = RollbackPolicy(("performance", "schema"), within=24 * HOUR)
CRITICAL, WARNING = Severity.CRITICAL, Severity.WARNING


def history(*moves: tuple[float, str, Kind]) -> list[Deployment]:
    """(hours before noon, version, kind): each takes the place of the one before."""
    found: list[Deployment] = []
    live = ""
    for hours, version, kind in moves:
        at = NOON - hours * HOUR
        if live:
            superseded = Change(at, "ann", "", Kind.SUPERSEDED)
            found.append(Deployment(len(found) + 1, live, Stage.LIVE, Stage.REGISTERED, superseded))
        found.append(Deployment(len(found) + 1, version, Stage.REGISTERED, Stage.LIVE, Change(at, "ann", "", kind)))
        live = version
    return found


def alarm(hours: float, check: str = "performance", severity: Severity = CRITICAL) -> Alarm:
    return Alarm(check, "f1", severity, NOON - hours * HOUR)


BEFORE, NOW = (100.0, "1", Kind.REGISTERED), (3.0, "2", Kind.DEPLOY)


@pytest.mark.parametrize(
    ("moves", "alarms", "words"),
    [
        pytest.param([BEFORE, NOW], [alarm(1)], "critical since 2026-11-20 11:00 UTC: performance of f1", id="one"),
        pytest.param([BEFORE, NOW], [alarm(3)], "performance of f1", id="at the very moment of the deployment"),
        pytest.param([BEFORE, NOW], [alarm(2), alarm(1, "schema")], "10:00 UTC: performance of f1 and 1", id="two"),
        pytest.param([BEFORE, (24.0, "2", Kind.DEPLOY)], [alarm(1)], "performance", id="the last moment of its time"),
        pytest.param(
            [BEFORE, (90.0, "2", Kind.DEPLOY), (80.0, "1", Kind.ROLLBACK), NOW],
            [alarm(1)],
            "performance",
            id="again",
        ),
        pytest.param([BEFORE, (3.0, "2", Kind.REGISTERED)], [alarm(1)], "performance", id="registered as live"),
    ],
)
def test_it_goes_back(moves: list[tuple[float, str, Kind]], alarms: list[Alarm], words: str) -> None:
    decision = should_roll_back(POLICY, Facts(("2",), history(*moves), alarms, "1"), NOON)
    assert decision.roll_back
    assert words in decision.reason


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        pytest.param(Facts((), [], [], None), "no version is live", id="nothing is live"),
        pytest.param(
            Facts(("2", "1"), history(BEFORE, NOW), [alarm(1)], "1"), "several versions are live", id="several are live"
        ),
        pytest.param(Facts(("2",), history(BEFORE, NOW), [], "1"), "no critical alert of performance", id="calm"),
        pytest.param(
            Facts(("2",), history(BEFORE, NOW), [alarm(1, severity=WARNING)], "1"), "no critical", id="only a warning"
        ),
        pytest.param(Facts(("2",), history(BEFORE, NOW), [alarm(1, "volume")], "1"), "no critical", id="another check"),
        pytest.param(
            Facts(("2",), history(BEFORE, NOW), [replace(alarm(1), silenced=True)], "1"), "no critical", id="silenced"
        ),
        pytest.param(
            Facts(("2",), history(BEFORE, NOW), [alarm(3.1)], "1"), "no critical", id="it fired before the deployment"
        ),
        pytest.param(
            Facts(("2",), history(BEFORE, (24.1, "2", Kind.DEPLOY)), [alarm(1)], "1"), "too long ago", id="too late"
        ),
        pytest.param(
            Facts(("2",), history(BEFORE, NOW), [alarm(1)], None, "1 is retired"),
            "nothing to go back to: 1 is",
            id="no way",
        ),
        pytest.param(
            Facts(("1",), history(BEFORE, NOW, (2.0, "1", Kind.AUTOMATIC)), [alarm(1)], "0"),
            "live by a rollback: a person",
            id="once per deployment, and never on from a rollback by policy",
        ),
        pytest.param(
            Facts(("1",), history(BEFORE, NOW, (2.0, "1", Kind.ROLLBACK)), [alarm(1)], "2"),
            "live by a rollback: a person",
            id="nor from one by hand: no back and forth",
        ),
        pytest.param(
            Facts(
                ("3",),
                history(BEFORE, (20.0, "2", Kind.DEPLOY), (10.0, "1", Kind.ROLLBACK), (3.0, "3", Kind.DEPLOY)),
                [alarm(1)],
                "2",
            ),
            "version 2 was itself gone back from",
            id="never to one that was gone back from",
        ),
        pytest.param(
            Facts(("2",), history((3.0, "2", Kind.KNOWN)), [alarm(1)], "1"),
            "not on record",
            id="not recorded",
        ),
    ],
)
def test_it_stays(facts: Facts, words: str) -> None:
    decision = should_roll_back(POLICY, facts, NOON)
    assert not decision.roll_back
    assert words in decision.reason
