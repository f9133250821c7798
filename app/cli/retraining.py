"""`watchkeeper retraining`: what was asked for, what became of it, and the decisions that people take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from app.cli.output import as_json, format_option, show
from app.cli.parameters import author_option
from app.cli.session import database, now, settings
from app.core.retraining_run import RunState

if TYPE_CHECKING:
    from app.services.retraining_runs import Outcome

COLUMNS = ["id", "model", "version", "state", "since", "reason", "new_version", "error"]
_EMPTY = "nothing was asked for; see `watchkeeper policy set --help`, or ask with `watchkeeper retraining start MODEL`"


@click.group()
def retraining() -> None:
    """Ask for retraining, decide on what waits, and see what became of it."""


@retraining.command(
    "list",
    epilog="""\b
Examples:
  watchkeeper retraining list --model fraud
  watchkeeper retraining list --state waiting_for_approval""",
)
@click.option("--model", help="Runs of this model alone.")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([state.value for state in RunState]),
    help="Runs in this state alone. May be repeated.",
)
@format_option
def retraining_list(model: str | None, states: Sequence[str], format_: str) -> None:
    """List the newest runs, newest first."""
    from app.services.retraining_runs import as_row, list_runs

    with database() as engine:
        rows = [as_row(run) for run in list_runs(engine, model, states)]
    show(rows, format_, columns=COLUMNS, empty=_EMPTY)


@retraining.command("show", epilog="\b\nExample:\n  watchkeeper retraining show msg_0f2a...")
@click.argument("run_id", metavar="ID")
@format_option
def retraining_show(run_id: str, format_: str) -> None:
    """Show run ID and every step of its life."""
    from app.services.retraining_runs import as_row, show_run

    with database() as engine:
        run, steps = show_run(engine, run_id)
    if format_ == "json":
        click.echo(as_json({**as_row(run), "steps": [asdict(step) for step in steps]}))
        return
    show([{"what": name, "value": value} for name, value in as_row(run).items() if value not in (None, "")], format_)
    click.echo()
    show([{"at": step.at, "state": step.new_state, "by": step.by, "why": step.reason} for step in steps], format_)


@retraining.command("start", epilog="\b\nExample:\n  watchkeeper retraining start fraud --reason 'new merchants'")
@click.argument("model")
@click.option("--reason", required=True, help="Why; it goes with the request.")
@click.option("--version", help="The version to be replaced; without it, the newest live one.")
@click.option("--target", default="", metavar="NAME", help="Who is asked; without it, the target of MODEL's policy.")
@author_option
def retraining_start(model: str, reason: str, version: str | None, target: str, author: str) -> None:
    """Ask for retraining of MODEL by hand; the worker sends it within its next round."""
    from app.services.retraining import start

    with database() as engine:
        run = start(engine, now(), settings(), model, reason=reason, author=author, version=version, target=target)
    click.echo(f"{run.webhook_id} asks {run.target.name if run.target else '-'} for a new version of {model}")


@retraining.command("approve", epilog="\b\nExample:\n  watchkeeper retraining approve msg_0f2a... --comment 'go ahead'")
@click.argument("run_id", metavar="ID")
@click.option("--comment", default="", help="What is written down beside it.")
@author_option
def retraining_approve(run_id: str, comment: str, author: str) -> None:
    """Let run ID go, which waits for somebody."""
    from app.services.retraining_runs import approve

    with database() as engine:
        _say(approve(engine, now(), run_id, author=author, comment=comment, public_url=settings().public_url))


@retraining.command("reject", epilog="\b\nExample:\n  watchkeeper retraining reject msg_0f2a... --comment 'a holiday'")
@click.argument("run_id", metavar="ID")
@click.option("--comment", default="", help="What is written down beside it.")
@author_option
def retraining_reject(run_id: str, comment: str, author: str) -> None:
    """Do not let run ID go, which waits for somebody."""
    from app.services.retraining_runs import reject

    with database() as engine:
        _say(reject(engine, now(), run_id, author=author, comment=comment, public_url=settings().public_url))


@retraining.command("send-again", epilog="\b\nExample:\n  watchkeeper retraining send-again msg_0f2a...")
@click.argument("run_id", metavar="ID")
@author_option
def retraining_send_again(run_id: str, author: str) -> None:
    """Send the request of run ID once more, which could not be delivered."""
    from app.services.retraining_runs import send_again

    with database() as engine:
        _say(send_again(engine, now(), run_id, author=author, public_url=settings().public_url))


def _say(outcome: Outcome) -> None:
    if not outcome.changed:
        raise click.ClickException(f"{outcome.run.webhook_id}: {outcome.reason}")
    click.echo(f"{outcome.run.webhook_id} is {outcome.run.state}: {outcome.reason}")
