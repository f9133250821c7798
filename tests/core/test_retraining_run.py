"""The life of a run: each step, each refusal, and what no sequence of steps can do."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.retraining_run import (
    FINAL,
    REPORTABLE,
    UNDER_WAY,
    Known,
    RunState,
    Step,
    approved,
    delivered,
    given_up,
    ran_out,
    rejected,
    reported,
    sent_again,
    withdrawn,
)

WAITING, REQUESTED, ACCEPTED, RUNNING = RunState.WAITING, RunState.REQUESTED, RunState.ACCEPTED, RunState.RUNNING
SUCCEEDED, FAILED, TIMED_OUT, CANCELLED = RunState.SUCCEEDED, RunState.FAILED, RunState.TIMED_OUT, RunState.CANCELLED

CASES: list[tuple[str, Step, RunState, bool, str]] = [
    ("approval lets it go", approved(Known(WAITING), "ann", "go"), REQUESTED, True, "approved by ann: go"),
    ("a rejection ends it", rejected(Known(WAITING), "ann", ""), CANCELLED, True, "rejected by ann"),
    (
        "what was let go cannot be rejected",
        rejected(Known(REQUESTED), "ann", ""),
        REQUESTED,
        False,
        "it does not wait for approval, it is requested",
    ),
    (
        "twice approved is once",
        approved(Known(RUNNING), "bob", ""),
        RUNNING,
        False,
        "it does not wait for approval, it is running",
    ),
    ("delivery means accepted", delivered(Known(REQUESTED)), ACCEPTED, True, "the service has taken the request"),
    ("a callback may be quicker than that", delivered(Known(RUNNING)), RUNNING, False, "it is running already"),
    (
        "giving up ends it",
        given_up(Known(REQUESTED), "HTTP 410"),
        FAILED,
        True,
        "the request could not be delivered: HTTP 410",
    ),
    ("what runs is not given up", given_up(Known(RUNNING), "HTTP 410"), RUNNING, False, "it is running already"),
    ("it runs", reported(Known(ACCEPTED), RUNNING), RUNNING, True, "the service says that it is running"),
    (
        "it runs before the delivery is marked",
        reported(Known(REQUESTED), RUNNING),
        RUNNING,
        True,
        "the service says that it is running",
    ),
    ("it runs still", reported(Known(RUNNING), RUNNING), RUNNING, False, "it is running already"),
    ("nothing leads backwards", reported(Known(RUNNING), ACCEPTED), RUNNING, False, "it is running already"),
    ("it succeeds", reported(Known(RUNNING), SUCCEEDED, "8"), SUCCEEDED, True, "version 8 came of it"),
    (
        "it succeeds at once",
        reported(Known(REQUESTED), SUCCEEDED, "8", "auc 0.9"),
        SUCCEEDED,
        True,
        "version 8 came of it: auc 0.9",
    ),
    (
        "it succeeds, nobody says with what",
        reported(Known(RUNNING), SUCCEEDED),
        SUCCEEDED,
        True,
        "which version came of it was not said",
    ),
    ("the version is named later", reported(Known(SUCCEEDED), SUCCEEDED, "8"), SUCCEEDED, True, "version 8 came of it"),
    (
        "it stays named",
        reported(Known(SUCCEEDED, "8"), SUCCEEDED, "9"),
        SUCCEEDED,
        False,
        "it has ended as succeeded already",
    ),
    (
        "a repeated report says so",
        reported(Known(SUCCEEDED, "8"), SUCCEEDED, "8"),
        SUCCEEDED,
        False,
        "it has been reported as succeeded already",
    ),
    ("it fails", reported(Known(RUNNING), FAILED, message="no memory"), FAILED, True, "no memory"),
    (
        "a late success changes nothing",
        reported(Known(TIMED_OUT), SUCCEEDED, "8"),
        TIMED_OUT,
        False,
        "it has ended as timed_out already",
    ),
    (
        "nothing runs before it was let go",
        reported(Known(WAITING), RUNNING),
        WAITING,
        False,
        "it was not asked for yet: somebody has to approve it first",
    ),
    ("time runs out", ran_out(Known(RUNNING), "1 d"), TIMED_OUT, True, "nothing more was heard of it within 1 d"),
    ("time does not run while it waits", ran_out(Known(REQUESTED), "1 d"), REQUESTED, False, "it is requested"),
    (
        "what nobody took is sent again",
        sent_again(Known(FAILED, undelivered=True), "ann"),
        REQUESTED,
        True,
        "sent again by ann",
    ),
    (
        "what ran and failed is not",
        sent_again(Known(FAILED), "ann"),
        FAILED,
        False,
        "only a request that could not be delivered is sent again; it is failed",
    ),
    ("what nobody took is withdrawn", withdrawn(Known(REQUESTED), "no policy"), CANCELLED, True, "no policy"),
    ("what runs is not withdrawn", withdrawn(Known(RUNNING), "no policy"), RUNNING, False, "it is running already"),
]


@pytest.mark.parametrize(("step", "state", "changed", "reason"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_steps(step: Step, state: RunState, changed: bool, reason: str) -> None:
    assert (step.state, step.changed, step.reason) == (state, changed, reason)


Move = Callable[[Known], Step]
MOVES: list[Move] = [
    lambda known: approved(known, "ann", ""),
    lambda known: rejected(known, "ann", ""),
    delivered,
    lambda known: given_up(known, "gone"),
    lambda known: ran_out(known, "1 d"),
    lambda known: sent_again(known, "ann"),
    lambda known: withdrawn(known, "no policy"),
    *((lambda known, state=state: reported(known, state, "8" if state is SUCCEEDED else "")) for state in REPORTABLE),
]


@given(st.sampled_from([WAITING, REQUESTED]), st.lists(st.sampled_from(range(len(MOVES))), max_size=30))
def test_whatever_happens_a_run_only_goes_on(begins: RunState, moves: list[int]) -> None:
    known, let_go = Known(begins), begins is REQUESTED
    for number in moves:
        step = MOVES[number](known)
        again = MOVES[number](Known(step.state, "8" if step.state is SUCCEEDED else "", known.undelivered))
        assert step.reason
        assert step.changed or step.state is known.state
        assert again.state is step.state, "what is said twice changes nothing more"
        let_go = let_go or (known.state is WAITING and step.state is REQUESTED)
        assert let_go or step.state in {WAITING, CANCELLED}, "nothing happens before somebody has approved it"
        sends_again = known.state is FAILED and known.undelivered and step.state is REQUESTED
        assert known.state not in FINAL or not step.changed or sends_again, "what has ended stays so"
        assert step.state is not TIMED_OUT or known.state in {*UNDER_WAY, TIMED_OUT}
        undelivered = step.state is FAILED and (known.undelivered or known.state is REQUESTED) and number == 3
        known = Known(step.state, "8" if step.state is SUCCEEDED else "", undelivered)
