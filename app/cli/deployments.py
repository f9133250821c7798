"""`watchkeeper deployment` and `watchkeeper rollback`: who was live when, and going back."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

import click

from app.cli.output import format_option, show
from app.cli.parameters import TIME, author_option
from app.cli.session import database, now

_COLUMNS = ("at", "model", "version", "from_stage", "to_stage", "kind", "author", "reason")


@click.group()
def deployment() -> None:
    """Show which versions were live when."""


@deployment.command(
    "list",
    epilog="""\b
Examples:
  watchkeeper deployment list --model fraud
  watchkeeper deployment list --since 2026-11-01 --format json""",
)
@click.option("--model", help="The model; without one, every model.")
@click.option("--since", type=TIME, help="Changes at or after this time; without it, all.")
@click.option("--until", type=TIME, help="Changes before this time; without it, all.")
@format_option
def deployment_list(model: str | None, since: datetime | None, until: datetime | None, format_: str) -> None:
    """List every change of a version's stage, by whom and why, oldest first."""
    from app.services.read_models.deployments import deployments

    with database() as engine:
        rows = deployments(engine, model=model, since=since, until=until)
    show(rows, format_, columns=_COLUMNS, empty="no version's stage changed; see `watchkeeper version stage --help`")


@click.group(
    invoke_without_command=True,
    epilog="""\b
Examples:
  watchkeeper rollback --model fraud --dry-run
  watchkeeper rollback --model fraud --reason "scores jumped after the deployment"
  watchkeeper rollback --model fraud --to 2""",
)
@click.option("--model", help="The model.")
@click.option("--to", metavar="VERSION", help="The version to go back to; without one, the last one that was live.")
@author_option
@click.option("--reason", default="", help="Why; whoever reads the timeline will ask.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@format_option
@click.pass_context
def rollback(
    ctx: click.Context, model: str | None, to: str | None, author: str, reason: str, dry_run: bool, format_: str
) -> None:
    """Make an earlier version of a model live again; the present one stays registered, to be looked into."""
    from app.services.deployments import plan_rollback, roll_back

    if ctx.invoked_subcommand is not None:
        return
    if model is None:
        raise click.UsageError("Missing option '--model'.")
    with database() as engine:
        done = (
            plan_rollback(engine, model, to)
            if dry_run
            else roll_back(engine, model, now(), to=to, author=author, reason=reason)
        )
    if format_ == "json":
        show([{**asdict(done), "done": not dry_run}], format_)
        return
    replaced = f" in place of {', '.join(done.replaces)}" if done.replaces else ""
    click.echo(f"{done.model}: version {done.version} {'would be' if dry_run else 'is'} live{replaced}")
