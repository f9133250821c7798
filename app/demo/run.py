"""The story: a model is trained and goes live, a year happens to it, and what alerts ask for is done."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy import Engine

from app.core.model import Task
from app.demo import report
from app.demo.clock import Clock
from app.demo.collector import collecting
from app.demo.comparison import first_alone, terms
from app.demo.errors import DemoError
from app.demo.flights import FEATURES, PRODUCTION_START, YEAR_END, is_training, load_flights, moved, whole_weeks_until
from app.demo.folder import Folder, State
from app.demo.models import Models
from app.demo.offline import recomputed
from app.demo.questions import QUESTIONS, Question
from app.demo.receivers import Ports, receiving
from app.demo.registration import FIRST, register, tell_somebody
from app.demo.replay import ROUND_HOUR, Cast, Production, Step, replay, rounds
from app.demo.serving import Service, Takeover
from app.demo.trainer import Trainer
from app.demo.training import fitted, out_of_fold
from app.settings import Settings
from app.storage import migrate
from app.storage.engine import open_engine

ALL_MONTHS = 10
"""March to December."""


def run_demo(
    settings: Settings, *, task: Task = Task.BINARY, months: int = ALL_MONTHS, console: Console | None = None
) -> None:
    """Train, register, replay and report, in `settings.data_dir`; a demo that is finished there is only reported.

    `task`: what the model predicts. `months`: how many, from March on, are replayed; 1 to 10. An interrupted demo
    starts over. Raises DemoError when it cannot go on, or the folder holds another database or another task's demo.
    """
    console = console or Console()
    settings, folder = _demo_settings(settings), Folder(settings.data_dir)
    state = folder.state()
    if state is not None and state.finished and state.task is not task:
        raise DemoError(
            f"{settings.data_dir} holds the demo of another task; show it with --task {state.task}, or choose another"
            " --data-dir"
        )
    engine = open_engine(settings)
    try:
        if state is None or not state.finished or state.months != months:
            engine.dispose()
            folder.start_over()
            state = _live_through(settings, folder, engine, QUESTIONS[task], months, console)
        else:
            console.print(f"The demo in {settings.data_dir} is finished; this is what it found.", soft_wrap=True)
        report.show(console, engine, folder, state)
    finally:
        engine.dispose()


@contextmanager
def listening(settings: Settings) -> Iterator[Settings]:
    """While a finished demo is served: its receivers listen again where its channels send to.

    Yields the settings that the worker needs to reach them. Raises DemoError when there is no demo, or its ports are
    taken.
    """
    folder = Folder(settings.data_dir)
    state = folder.state()
    if state is None:
        raise DemoError(f"there is no demo in {settings.data_dir}")
    secret = folder.secrets.retraining.read_text()
    with receiving(folder.received, state.ports, secret, _nobody_trains):
        yield _demo_settings(settings)


def _nobody_trains(_run: str, _body: bytes) -> None:
    """The trainer has gone home with the last flight: what is asked for later is kept, and runs out."""


def _demo_settings(settings: Settings) -> Settings:
    """On a database of its own, with leave to send to this machine."""
    dashboard = f"http://{settings.dashboard_host}:{settings.dashboard_port}"
    return replace(
        settings,
        database_url="",
        database_password="",
        allow_private_targets=True,
        public_url=settings.public_url or dashboard,
    )


def _live_through(
    settings: Settings, folder: Folder, engine: Engine, question: Question, months: int, console: Console
) -> State:
    """The whole story: a model is trained, goes live, and serves `months` months; what is asked for is trained."""
    shift = whole_weeks_until(datetime.now(UTC), YEAR_END + ROUND_HOUR)
    state = State(months=months, weeks=shift // timedelta(weeks=1), ports=Ports.free(), task=question.task)
    folder.save(state)
    migrate.upgrade(engine)
    deployed, end = PRODUCTION_START + shift, _end(months) + shift
    with console.status("Reading the flights of a year"):
        training, served = flights_of(question, shift, months)
    with _cast(settings, folder, engine, question, state, training, served) as cast:
        takeovers = [_go_live(cast, folder, state, deployed, console)]
        times = rounds(deployed, end)
        production = Production(cast.service, recomputed(served))
        takeovers += _watch(replay(cast, production, times), len(times), console)
        retrainings = cast.trainer.wait()
    state = msgspec.structs.replace(
        state,
        finished=True,
        retrainings=tuple(retrainings),
        terms=tuple(terms(cast.service, takeovers, end)),
        first_alone=first_alone(cast.service, shift),
        drills=tuple(cast.service.drills),
    )
    folder.save(state)
    return state


@contextmanager
def _cast(
    settings: Settings,
    folder: Folder,
    engine: Engine,
    question: Question,
    state: State,
    training: pd.DataFrame,
    served: pd.DataFrame,
) -> Iterator[Cast]:
    """Collector, trainer, serving side and receivers, for as long as the year takes."""
    clock, models = Clock(folder.clock), Models(folder.models)
    clock.set(PRODUCTION_START + state.shift)
    with collecting(settings, folder.clock) as collector:
        trainer = Trainer(collector, question, training, models, clock, folder.references)
        service = Service(collector, question, models, served)
        with receiving(folder.received, state.ports, folder.secrets.retraining.read_text(), trainer.take):
            yield Cast(engine, replace(settings, port=collector.port), clock, collector, service, trainer)


def _go_live(cast: Cast, folder: Folder, state: State, deployed: datetime, console: Console) -> Takeover:
    """Version 1 is trained, registered, watched, and answers."""
    question, training = cast.trainer.question, cast.trainer.first_rows
    with console.status("Training on January and February; answering the rest"):
        cast.trainer.models.put(FIRST, fitted(training, question))
        reference = out_of_fold(training, question)
        stored = register(cast.collector, question, reference, deployed, folder.references)
        tell_somebody(cast.engine, question, deployed, state.ports, folder.secrets)
        takeover = cast.service.look()
    assert takeover is not None
    console.print(
        f"Model registered with {stored['rows']:,} rows of reference in {stored['windows']} daily windows, "
        f"{stored['features']} features. All times are moved by {state.weeks} weeks."
    )
    return takeover


def _watch(steps: Iterable[Step], total: int, console: Console) -> list[Takeover]:
    """Say what is found while the days go by; which versions took over."""
    takeovers, records, start = [], 0, time.monotonic()
    with _progress(console) as progress:
        task = progress.add_task("replay", total=total, day="", rate=0.0)
        for step in steps:
            for finding in step.findings:
                report.found(console, finding)
            if step.takeover is not None:
                report.took_over(console, step.takeover)
                takeovers.append(step.takeover)
            records += step.records
            rate = records / (time.monotonic() - start)
            progress.update(task, advance=1, day=f"{step.now:%Y-%m-%d}", rate=rate)
    console.print(f"{records:,} records in {time.monotonic() - start:.0f} s.")
    return takeovers


def _end(months: int) -> datetime:
    """Where production ends, at original times."""
    return YEAR_END if months == ALL_MONTHS else PRODUCTION_START.replace(month=PRODUCTION_START.month + months)


def flights_of(question: Question, shift: timedelta, months: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What version 1 is trained on and what is served afterwards, both with the `truth`, moved by `shift`."""
    flights = load_flights()
    flights = flights.assign(truth=question.truth(flights))
    training, served = is_training(flights), flights["departure"] < _end(months)
    rows = moved(flights, shift)
    first = rows.loc[training, ["departure", "truth", *FEATURES]].assign(weight=1.0)
    return first, rows[~training & served].reset_index(drop=True)


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.fields[day]}"),
        BarColumn(),
        TextColumn("{task.fields[rate]:,.0f} records/s"),
        TimeRemainingColumn(),
        console=console,
    )
