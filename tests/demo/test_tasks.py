"""Each task's demo, on a part of its flights: every check that applies to the task has something to say on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine

from app.core.model import Outcome, Task
from app.demo.clock import Clock
from app.demo.collector import collecting
from app.demo.flights import PRODUCTION_START, is_training
from app.demo.models import Models
from app.demo.offline import recomputed
from app.demo.questions import CLASSES, QUESTIONS, Question
from app.demo.registration import FIRST, register
from app.demo.replay import DAY, Cast, Production, replay, rounds
from app.demo.serving import Service
from app.demo.trainer import Trainer
from app.demo.training import fitted, out_of_fold
from app.services.catalogue import find
from app.services.checks import all_checks
from app.services.read_models.series import Series, series
from app.settings import Settings
from app.storage import migrate
from app.storage.engine import open_engine

pytestmark = pytest.mark.timeout(900)

SHARE, DAYS, ROUND_DAYS = 8, 44, 11
"""One flight in so many, over so many days; the jobs run every so many days, on the last of them too."""
COMPUTED_ANEW = 0.5
"""Part of these flights whose features the offline pipeline computes: a tenth of an eighth would be too few a day."""
SILENT = {("rollback_ready", task): "one version was ever live, so that there is none to go back to" for task in Task}
"""Checks without a verdict on the demo of a task, each with the reason why that cannot be otherwise."""


def together(task: Task) -> pytest.MarkDecorator:
    """What is asked about one task's demo is asked in one process."""
    return pytest.mark.xdist_group(f"demo of {task}")


PAIRS = [
    pytest.param(name, task, id=f"{name}-{task}", marks=together(task))
    for name, check in all_checks().items()
    for task in Task
    if task in check.tasks
]


@dataclass(frozen=True)
class Lived:
    """What was replayed, and where its measurements are."""

    engine: Engine
    flights: pd.DataFrame
    question: Question

    def series(self, check: str) -> list[Series]:
        _, version = find(self.engine, self.question.model, FIRST)
        return series(self.engine, version.id, check, since=PRODUCTION_START, until=PRODUCTION_START + DAYS * DAY)


@pytest.fixture(scope="module")
def some_flights(year: pd.DataFrame) -> pd.DataFrame:
    served = year[year["departure"] < PRODUCTION_START + DAYS * DAY]
    return served.iloc[::SHARE].reset_index(drop=True)


@pytest.fixture(scope="module")
def lived(some_flights: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Task], Lived]:
    """The demo of a task, lived through when it is first asked for."""
    return cache(lambda task: live(some_flights, QUESTIONS[task], tmp_path_factory.mktemp(task.value)))


def live(some_flights: pd.DataFrame, question: Question, folder: Path) -> Lived:
    """The demo without its messages, its jobs run less often."""
    settings = replace(Settings(), data_dir=folder, database_url="")
    engine = open_engine(settings)
    migrate.upgrade(engine)
    flights = some_flights.assign(truth=question.truth(some_flights))
    first = flights[is_training(flights)].assign(weight=1.0)
    served = flights[~is_training(flights)].reset_index(drop=True)
    clock, models = Clock(folder / "clock"), Models(folder)
    clock.set(PRODUCTION_START)
    models.put(FIRST, fitted(first, question))
    times = rounds(PRODUCTION_START, PRODUCTION_START + DAYS * DAY)[ROUND_DAYS - 1 :: ROUND_DAYS]
    with collecting(settings, folder / "clock") as collector:
        register(collector, question, out_of_fold(first, question), PRODUCTION_START, folder)
        service = Service(collector, question, models, served)
        service.look()
        trainer = Trainer(collector, question, first, models, clock, folder)  # nobody asks it: there is no policy
        production = Production(service, recomputed(served, COMPUTED_ANEW))
        for _ in replay(Cast(engine, settings, clock, collector, service, trainer), production, times):
            pass
    return Lived(engine, service.flights, question)


@pytest.mark.parametrize(("check", "task"), PAIRS)
def test_every_check_measures_something_and_judges_it(lived: Callable[[Task], Lived], check: str, task: Task) -> None:
    found = lived(task).series(check)
    values = sum(int(np.isfinite(one.values).sum()) for one in found)
    verdicts = sum(outcome is not Outcome.NOT_EVALUATED for one in found for outcome in one.outcomes)
    reasons = sorted({reason for one in found for reason in one.reasons if reason})[:5]
    assert (values > 0 and verdicts > 0) is ((check, task) not in SILENT), reasons


@together(Task.REGRESSION)
def test_the_realised_error_in_minutes_is_that_of_the_flights(lived: Callable[[Task], Lived]) -> None:
    demo = lived(Task.REGRESSION)
    error = (demo.flights["prediction"] - demo.flights["truth"]).abs().dropna()
    days = error.groupby(demo.flights.loc[error.index, "departure"].dt.floor("D")).mean()
    (mae,) = (one for one in demo.series("performance") if one.subject == "mae")
    told = np.isfinite(mae.values)
    assert told.sum() > 0.9 * DAYS
    theirs = days.loc[pd.DatetimeIndex(mae.starts)[told]]
    assert mae.values[told] == pytest.approx(theirs.to_numpy())


@together(Task.MULTICLASS)
def test_each_class_has_figures_of_its_own(lived: Callable[[Task], Lived]) -> None:
    demo = lived(Task.MULTICLASS)
    subjects = {one.subject for one in demo.series("performance")}
    assert {f"{measure}[{name}]" for measure in ("precision", "recall") for name in CLASSES} <= subjects
    assert {f"precision[{name}]" for name in CLASSES} <= {s.subject for s in demo.series("estimated_performance")}
