"""A limit is tried on the past: what it would have told stands beside what was told, and nothing is written."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from sqlalchemy import Engine

from app.core.errors import InvalidError
from app.core.model import Model, Outcome, Task
from app.core.overrides import Override
from app.services.alerting import alert
from app.services.backtest import backtest
from app.services.evaluate import evaluate
from app.services.limit_trials import can_be_set, try_limit
from tests.core.checks.cases import DAY, LIVE, Given, binary, days, usual
from tests.services.test_backtest import counts
from tests.services.test_evaluate import register, store, until

SKEW = "training_serving_skew"


@pytest.fixture(scope="module")
def given() -> Given:
    """Three normal days, three on which a feature has moved by two sds, and two normal ones."""
    healthy = usual(seed=3, reference_days=32, count=8, rows=60)
    shift = np.repeat([0, 0, 0, 2, 2, 2, 0, 0], 60)
    return healthy.but(
        model=Model("m", Task.BINARY),
        served=binary(days(8, 60, LIVE), np.random.default_rng(9), shift).assign(source="ground_truth"),
    )


def tried(limit: float, subject: str | None = None, check: str = SKEW) -> Override:
    return Override(check, subject, "", limit, "ann", "tried", datetime.min.replace(tzinfo=UTC))


def test_it_stands_beside_what_held_and_what_was_told(engine: Engine, given: Given) -> None:
    version = register(engine, given)
    store(engine, version, given.served)
    for day in range(1, 9):
        evaluate(engine, until(day))
        alert(engine, until(day))
    before, shares = counts(engine), list[float]()
    whole = backtest(engine, until(8), "m")
    (moved,) = [one for one in whole.episodes if one.worst.check == SKEW]

    until_8 = LIVE + 8 * DAY
    blind_to = tried(99.0, moved.worst.subject)
    blind = try_limit(engine, until(8), "m", "v", blind_to, since=LIVE, until=until_8, progress=shares.append)
    keen = try_limit(engine, until(8), "m", "v", tried(0.0), since=LIVE, until=until_8)

    assert counts(engine) == before
    assert list(blind.now.alerts) == [moved]  # one check alone says what it says among all
    assert blind.tried.alerts == ()
    assert [(one.subject, one.window_start) for one in blind.raised] == [(moved.worst.subject, LIVE + 4 * DAY)]
    assert {one.limit for one in blind.tried.found} == {99.0}
    assert {one.subject for one in blind.tried.found} == {moved.worst.subject}
    assert (blind.windows, blind.reason, shares[-1]) == (8, "", 1.0)
    assert len(keen.tried.alerts) > 1
    assert {one.outcome for one in keen.tried.found} == {Outcome.BREACH, Outcome.OK}


def test_what_cannot_be_tried_is_said(engine: Engine, given: Given) -> None:
    version = register(engine, given)
    store(engine, version, given.served)

    with pytest.raises(InvalidError, match="limit: -1"):
        try_limit(engine, until(8), "m", "v", tried(-1.0), since=LIVE, until=LIVE + 8 * DAY)
    with pytest.raises(InvalidError, match="check"):
        try_limit(engine, until(8), "m", "v", tried(1.0, check="throughput"), since=LIVE, until=LIVE + 8 * DAY)
    early = try_limit(engine, until(8), "m", "v", tried(1.0), since=LIVE - 9 * DAY, until=LIVE - 8 * DAY)
    assert early.reason == "no closed window with predictions lies in that span"
    assert given.model is not None
    assert can_be_set(given.model, SKEW, "x") == ""
    assert "checks with a learnt limit" in can_be_set(given.model, "throughput", None)
    assert "cannot be set" in can_be_set(given.model, "latency", "leak")
