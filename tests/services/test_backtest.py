"""A replay of the stored profiles finds what evaluation and alerting found, and writes nothing."""

from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import Engine, func, select

from app.core.errors import InvalidError, NotFoundError
from app.core.model import Model, Task
from app.core.overrides import Override
from app.services.alerting import alert
from app.services.backtest import Trial, backtest
from app.services.evaluate import evaluate
from app.services.limits import model_limits
from app.storage import tables
from app.storage.engine import read
from tests.core.checks.cases import DAY, LIVE, START, Given, binary, days, usual
from tests.services.test_evaluate import measurements, register, store, until


@pytest.fixture(scope="module")
def given() -> Given:
    """Three normal days, three on which a feature has moved by two sds, and two normal ones."""
    healthy = usual(seed=3, reference_days=32, count=8, rows=60)
    shift = np.repeat([0, 0, 0, 2, 2, 2, 0, 0], 60)
    return healthy.but(
        model=Model("m", Task.BINARY),
        served=binary(days(8, 60, LIVE), np.random.default_rng(9), shift).assign(source="ground_truth"),
    )


def counts(engine: Engine) -> dict[str, int]:
    with read(engine) as connection:
        return {
            name: connection.scalar(select(func.count()).select_from(table)) or 0
            for name, table in tables.metadata.tables.items()
        }


def test_the_alerts_are_those_that_evaluation_and_alerting_raise(engine: Engine, given: Given) -> None:
    version = register(engine, given)
    store(engine, version, given.served)
    name = "m"
    before = counts(engine)
    found = backtest(engine, until(8), name)
    assert counts(engine) == before
    assert measurements(engine, version) == []

    # Day by day, as the worker does it.
    for day in range(1, 9):
        evaluate(engine, until(day))
        alert(engine, until(day))
    t = tables
    change = t.alert_transition.c
    told = select(t.alert.c.check, t.alert.c.subject, change.window_start, change.new_state).where(
        change.old_state != change.new_state  # one that only became worse had fired before
    )
    with read(engine) as connection:
        rows = connection.execute(told.join(t.alert, t.alert.c.id == t.alert_transition.c.alert_id)).all()
        said = connection.scalars(select(t.notification.c.message).where(t.notification.c.kind == "firing"))
        messages = sum(not message["note"] for message in said)
    fired = sorted((row.check, row.subject) for row in rows if row.new_state == "firing")
    assert ("training_serving_skew", "x") in fired
    assert sorted((one.worst.check, one.worst.subject) for one in found.episodes) == fired
    assert found.alerts == messages
    ended = sorted((row.check, row.subject, row.window_start) for row in rows if row.new_state == "resolved")
    assert sorted((o.worst.check, o.worst.subject, o.until) for o in found.episodes if o.until) == ended


def test_a_span_and_other_limits_can_be_tried(engine: Engine, given: Given) -> None:
    version = register(engine, given)
    store(engine, version, given.served)
    name = "m"
    early = backtest(engine, until(8), name, until=LIVE + 3 * DAY)
    assert (early.windows, early.since, early.until) == (3, LIVE, LIVE + 3 * DAY)
    assert not [one for one in early.episodes if one.worst.check == "training_serving_skew"]
    tight = Override("training_serving_skew", "x", "", 0.001, "backtest", "tried", START, tried=True)
    tried = backtest(engine, until(8), name, until=LIVE + 3 * DAY, trial=Trial(overrides=(tight,)))
    assert [one.worst.limit for one in tried.episodes if one.worst.subject == "x"] == [0.001]
    skew = "training_serving_skew"
    assert [one for one in backtest(engine, until(8), name).episodes if one.worst.check == skew]
    patient = backtest(engine, until(8), name, trial=Trial(fire_after={skew: 100}))
    assert not [one for one in patient.episodes if one.worst.check == skew]
    strict, generous = (
        backtest(engine, until(8), name, trial=Trial(false_alarms_per_month=budget)) for budget in (0.001, 100)
    )
    expected = [sum(one.expected_false_alarms_per_month or 0 for one in found.checks) for found in (strict, generous)]
    assert expected[0] < expected[1]


def test_what_cannot_be_judged_is_said(engine: Engine, given: Given) -> None:
    register(engine, given)
    name = "m"
    found = backtest(engine, until(8), name)
    assert (found.told, found.windows) == (False, 0)
    assert "no window with predictions has closed" in found.reason
    with pytest.raises(NotFoundError):
        backtest(engine, until(8), "nobody")
    with pytest.raises(InvalidError, match="false_alarms_per_month"):
        backtest(engine, until(8), name, trial=Trial(false_alarms_per_month=0))
    with pytest.raises(InvalidError, match="fire_after"):
        backtest(engine, until(8), name, trial=Trial(fire_after={"nothing": 2}))
    with pytest.raises(InvalidError, match="check"):
        backtest(engine, until(8), name, trial=Trial(overrides=(Override("x", None, "", 1, "a", "b", START),)))


def test_limits_say_what_they_cannot_see_and_how_many_false_alerts_to_expect(engine: Engine, given: Given) -> None:
    version = register(engine, given)
    store(engine, version, given.served)
    evaluate(engine, until(8))
    found = model_limits(engine, "m")
    newest = [row for row in measurements(engine, version) if row.window_start == LIVE + 7 * DAY]
    by_series = {(row.check, row.subject): row for row in newest}
    assert {(row.check, row.subject) for row in found.limits} == set(by_series)
    for row in found.limits:
        assert row.limit == by_series[row.check, row.subject].limit
        distance = row.statistic in {"normed_wasserstein", "jensen_shannon"}
        assert row.cannot_detect_below == (row.limit if distance else None)
    rates = [row.expected_rate for row in newest if row.expected_rate is not None]
    assert found.false_alarms.expected == pytest.approx(30 * sum(rates))
    assert found.false_alarms.expected == pytest.approx(sum(found.checks.values()))
    assert found.false_alarms.expected is not None
    assert 0 < found.false_alarms.expected <= found.false_alarms.budget == 1.0
