"""`watchkeeper up`, `collect`, `work`, `dashboard`, `run` and `demo`: the processes."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from app.cli.output import format_option, show
from app.cli.parameters import TIME
from app.cli.session import connect, database, log_to_stderr, now, settings
from app.core.model import Task
from app.settings import Settings

HOST = click.option("--host", help="Address to listen on; anything but loopback asks for API keys.")
PORT = click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on.")


def _changed(chosen: Settings, **changes: Any) -> Settings:
    return replace(chosen, **{name: value for name, value in changes.items() if value is not None})


@click.command(epilog="\b\nExample:\n  watchkeeper collect --port 8600")
@HOST
@PORT
def collect(host: str | None, port: int | None) -> None:
    """Run the collector: predictions and corrections in over HTTP."""
    chosen = _changed(settings(), host=host, port=port)
    connect(chosen).dispose()
    from app.api.run import serve

    log_to_stderr()
    click.echo(f"collector  http://{chosen.host}:{chosen.port}   (API: /docs)")
    serve(chosen)


@click.command()
def work() -> None:
    """Run the worker: fold, evaluate, alert, deliver and act, for as long as it lives."""
    chosen = settings()
    connect(chosen).dispose()
    from app.jobs.worker import work as run_worker

    log_to_stderr()
    run_worker(chosen)


@click.command(epilog="\b\nExample:\n  watchkeeper dashboard --port 8601")
@HOST
@PORT
def dashboard(host: str | None, port: int | None) -> None:
    """Run the dashboard."""
    from app.ui.run import serve

    chosen = _changed(settings(), dashboard_host=host, dashboard_port=port)
    click.echo(f"dashboard  http://{chosen.dashboard_host}:{chosen.dashboard_port}")
    serve(chosen)


@click.command(
    epilog="""\b
Examples:
  watchkeeper run                          do all due work once, such as from cron or after an import
  watchkeeper run --until 2026-11-01       judge windows as if it were that time"""
)
@click.option("--until", type=TIME, help="Judge only windows that had closed by then; not in the future.")
@format_option
def run(until: datetime | None, format_: str) -> None:
    """Do every job of the worker once, then exit. Exit code 1 when a job failed."""
    from app.services.rounds import run_round
    from app.services.schedule import AFTERWARDS, JUDGING

    if until is not None and until > now():
        raise click.BadParameter(f"{until:%Y-%m-%d %H:%M} UTC is in the future", param_hint="--until")
    with database() as engine:
        # What is sent is sent now, whatever the time that is judged: a running worker must see our claims as they are.
        rounds = [
            run_round(engine, settings(), present or now(), force=True, environment=os.environ, jobs=jobs)
            for present, jobs in ((until, JUDGING), (None, AFTERWARDS))
        ]
    show([asdict(job) for summary in rounds for job in summary.jobs], format_)
    sys.exit(1 if any(summary.failed for summary in rounds) else 0)


@click.command(epilog="\b\nExample:\n  watchkeeper up")
def up() -> None:
    """Run collector, worker and dashboard together on this machine; Ctrl-C ends all three."""
    chosen = settings()
    connect(chosen).dispose()
    from app.cli.supervisor import supervise

    sys.exit(supervise(["collect", "work", "dashboard"], chosen))


@click.command(
    epilog="""\b
Examples:
  watchkeeper demo
  watchkeeper demo --no-serve --months 3 --data-dir /tmp/watchkeeper-demo
  watchkeeper demo --task regression --data-dir /tmp/watchkeeper-minutes"""
)
@click.option(
    "--task",
    type=click.Choice([t.value for t in Task]),
    default=Task.BINARY.value,
    show_default=True,
    help="Late or not, how late in four classes, or by how many minutes.",
)
@click.option(
    "--months",
    type=click.IntRange(1, 10),
    default=10,
    show_default=True,
    help="How many months of flights, from March on; the first retraining is in the second.",
)
@click.option("--no-serve", is_flag=True, help="Print what was found and exit, without starting the dashboard.")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("demo-data"),
    show_default=True,
    help="Folder of the demo's database and of the messages it sent.",
)
def demo(task: str, months: int, no_serve: bool, data_dir: Path) -> None:
    """Watch a model of flight delays degrade and be retrained, on the real flights of a year."""
    try:
        from app.demo.run import listening, run_demo
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"{error.name} is missing; install the demo with `pip install watchkeeper[demo]`"
        ) from error
    chosen = replace(settings(), data_dir=data_dir.resolve(), database_url="")
    run_demo(chosen, task=Task(task), months=months)
    if not no_serve:
        from app.cli.supervisor import supervise

        with listening(chosen) as chosen:
            sys.exit(supervise(["collect", "work", "dashboard"], chosen))
