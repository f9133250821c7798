"""Which version a rollback leads to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.core.deployments import Candidate, Change, Deployment, Kind, fallbacks, lives, rollback_target
from app.core.errors import ConflictError, NotFoundError
from app.core.model import Stage

START = datetime(2026, 11, 1, tzinfo=UTC)


def history(*moves: str) -> list[Deployment]:
    """`+3` a deployment, `<2` a rollback, `-2` superseded: one change an hour."""
    kinds = {"+": Kind.DEPLOY, "<": Kind.ROLLBACK, "-": Kind.SUPERSEDED}
    return [
        Deployment(
            number,
            move[1:],
            Stage.LIVE if move[0] == "-" else Stage.REGISTERED,
            Stage.REGISTERED if move[0] == "-" else Stage.LIVE,
            Change(START + timedelta(hours=number), "ann", "", kinds[move[0]]),
        )
        for number, move in enumerate(moves, start=1)
    ]


def ready(*names: str, retired: str = "", bare: str = "") -> dict[str, Candidate]:
    stages = dict.fromkeys(names, Stage.REGISTERED) | {retired: Stage.RETIRED}
    return {name: Candidate(name, stages[name], name != bare) for name in names}


@pytest.mark.parametrize(
    ("moves", "expected"),
    [
        pytest.param([], [], id="nothing was ever live"),
        pytest.param(["+1"], ["1"], id="the first is the only one"),
        pytest.param(["+1", "-1", "+2"], ["1", "2"], id="what was superseded may be gone back to"),
        pytest.param(["+1", "+2", "+3", "<2"], ["1", "2"], id="what was gone back from may not"),
        pytest.param(["+1", "+2", "+3", "<2", "<1"], ["1"], id="going back twice leads further back"),
        pytest.param(["+1", "+2", "+3", "<1"], ["1"], id="going back two at once takes away both"),
        pytest.param(["+1", "+2", "<1", "+2"], ["1", "2"], id="one that was gone back from may be deployed again"),
        pytest.param(["+1", "+2", "+1"], ["2", "1"], id="an old one that is deployed is the newest"),
        pytest.param(["+1", "+3", "<2"], ["1", "2"], id="a rollback to one that never was live"),
    ],
)
def test_lives(moves: list[str], expected: list[str]) -> None:
    assert lives(history(*moves)) == expected


def test_fallbacks_are_those_before_the_live_one_the_last_first() -> None:
    assert fallbacks(history("+1", "+2", "+3"), "3") == ["2", "1"]
    assert fallbacks(history("+1", "+2", "+3"), "2") == ["1"]
    assert fallbacks(history("+1", "+2"), None) == ["2", "1"]


@pytest.mark.parametrize(
    ("candidates", "wanted", "expected"),
    [
        pytest.param(ready("1", "2", "3"), None, "2", id="the one before"),
        pytest.param(ready("1", "2", "3", retired="2"), None, "1", id="a retired one is passed over"),
        pytest.param(ready("1", "2", "3", bare="2"), None, "1", id="one without a reference is passed over"),
        pytest.param(ready("1", "2", "3", bare="2"), "2", "2", id="unless it is asked for"),
        pytest.param(ready("0", "1", "2", "3"), "0", "0", id="one that never was live, by its name"),
    ],
)
def test_rollback_target(candidates: dict[str, Candidate], wanted: str | None, expected: str) -> None:
    assert rollback_target("fraud", history("+1", "+2", "+3"), candidates, "3", wanted) == expected


@pytest.mark.parametrize(
    ("moves", "live", "candidates", "wanted", "words"),
    [
        pytest.param(["+1"], "1", ready("1"), None, "version 1 is live, and none was live before", id="no other"),
        pytest.param([], None, ready("1"), None, "no version is live, and none was", id="none ever"),
        pytest.param(["+1", "+2"], "2", ready("1", "2", retired="1"), None, "1 is retired", id="the only one retired"),
        pytest.param(["+1", "+2"], "2", ready("1", "2", bare="1"), None, "1 has no reference", id="no reference"),
        pytest.param(["+1", "+2"], "2", ready("1", "2"), "2", "version 2 is live already", id="to itself"),
        pytest.param(
            ["+1", "+2"], "2", ready("1", "2", retired="1"), "1", "`watchkeeper version stage fraud 1", id="to retired"
        ),
    ],
)
def test_nothing_to_go_back_to(
    moves: list[str], live: str | None, candidates: dict[str, Candidate], wanted: str | None, words: str
) -> None:
    with pytest.raises(ConflictError, match=words):
        rollback_target("fraud", history(*moves), candidates, live, wanted)


def test_an_unknown_version_is_named_with_those_that_are_known() -> None:
    with pytest.raises(NotFoundError, match="no version '9'; known are: 1, 2"):
        rollback_target("fraud", history("+1", "+2"), ready("1", "2"), "2", "9")
