"""What an hourly model is judged by, from its stored reference: the windows of each hour, read when they are needed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine

from app.core.model import Model, Outcome, Task, WindowLength
from app.core.seasons import MOST_WINDOWS
from app.services import baselines
from app.services.backtest import backtest
from app.services.evaluate import evaluate
from app.services.limits import model_limits
from app.storage.references import ReferenceProfile, reference_profiles
from tests.core.checks.cases import DAY, LIVE, START, Given, binary
from tests.services.test_evaluate import measurements, register, store

ROWS, WEEKS = 32, 15
HOUR = timedelta(hours=1)


def nights_and_mornings(rng: np.random.Generator, days: int, levels: tuple[float, float], start: Any) -> pd.DataFrame:
    """The hours from 2 to 4 o'clock of each day, at these levels."""
    times = [
        start + day * DAY + hour * HOUR + n * HOUR / ROWS for day in range(days) for hour in (2, 3) for n in range(ROWS)
    ]
    level = np.tile(np.repeat(levels, ROWS), days)
    return binary(pd.DataFrame({"time": pd.DatetimeIndex(times)}), rng, level).assign(source="ground_truth")


@pytest.fixture(scope="module")
def given() -> Given:
    """In the nights of production x lies half-way to the mornings; the version is served two hours a day."""
    rng = np.random.default_rng(4)
    reference = nights_and_mornings(rng, 7 * WEEKS, (0.0, 4.0), START)
    served = nights_and_mornings(rng, 2, (2.0, 4.0), LIVE)
    return Given(reference, served, count=28, model=Model("m", Task.BINARY, WindowLength.HOUR))


@pytest.fixture
def read_windows(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many windows each reading of a reference gave."""
    counts: list[int] = []

    def counting(*arguments: Any) -> Iterator[ReferenceProfile]:
        counts.append(0)
        for one in reference_profiles(*arguments):
            counts[-1] += 1
            yield one

    monkeypatch.setattr(baselines, "reference_profiles", counting)
    return counts


def test_hours_are_judged_by_their_season_which_is_read_once_and_in_part(
    engine: Engine, given: Given, read_windows: list[int]
) -> None:
    version = register(engine, given)
    store(engine, version, given.served)
    skew = ("training_serving_skew", "x")
    evaluate(engine, LIVE + 3 * HOUR)
    assert read_windows == [7 * WEEKS * 2, MOST_WINDOWS]  # once all of it; then, of one season, the newest windows
    evaluate(engine, LIVE + 4 * HOUR)
    assert read_windows[2:] == [MOST_WINDOWS]
    evaluate(engine, LIVE + 28 * HOUR)
    assert len(read_windows) == 3
    found = {row.window_start: row for row in measurements(engine, version) if (row.check, row.subject) == skew}
    beyond = [start for start, row in found.items() if row.value is not None and row.value > row.limit]
    assert beyond == [LIVE + 2 * HOUR, LIVE + 26 * HOUR]
    episodes = backtest(engine, LIVE + 28 * HOUR, "m").episodes
    assert skew not in {(one.worst.check, one.worst.subject) for one in episodes}  # never two of the last three


def test_two_of_three_windows_beside_two_limits_are_a_breach(engine: Engine, given: Given) -> None:
    served = nights_and_mornings(np.random.default_rng(5), 1, (2.0, 2.0), LIVE)  # too high by night, too low after
    version = register(engine, given)
    store(engine, version, served)
    evaluate(engine, LIVE + 5 * HOUR)
    skew = ("training_serving_skew", "x")
    found = [row for row in measurements(engine, version) if (row.check, row.subject) == skew and row.value]
    assert [row.outcome for row in found] == [Outcome.OK, Outcome.BREACH]
    assert found[0].limit != found[1].limit
    assert found[1].reason == "beyond the limit in 2 of the last 3 windows"


def test_limits_say_whether_they_are_seasonal(engine: Engine, given: Given) -> None:
    register(engine, given)
    assert model_limits(engine, "m").seasons == "seasonal: each hour of weekdays and weekends apart"


def test_limits_say_which_season_has_too_few_windows(engine: Engine, given: Given) -> None:
    reference = given.reference
    assert reference is not None
    version = register(engine, given.but(reference=reference[reference["time"] >= START + 7 * DAY]))
    assert model_limits(engine, "m").seasons == "not seasonal: 28 of 30 windows are known for weekends, 02:00 UTC"
    store(engine, version, given.served)
    evaluate(engine, LIVE + 4 * HOUR)
    (skew,) = [
        row
        for row in measurements(engine, version)
        if (row.check, row.subject) == ("training_serving_skew", "x") and row.window_start == LIVE + 2 * HOUR
    ]
    assert skew.value < skew.limit
