"""`watchkeeper deployment` and `watchkeeper rollback`: who was live when, and going back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

import click

from app.cli.output import format_option, show, text
from app.cli.parameters import DURATION, TIME, author_option
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


@rollback.group("policy")
def rollback_policy() -> None:
    """Let a model go back by itself when a deployment brings critical alerts; off until you set it."""


@rollback_policy.command(
    "set",
    epilog="""\b
Example:
  watchkeeper rollback policy set fraud --check performance --check numerical_stability --within 24h""",
)
@click.argument("model")
@click.option(
    "--check", "checks", multiple=True, required=True, help="A check whose critical alert takes a version back."
)
@click.option("--within", type=DURATION, default="24h", show_default=True, help="For how long after a deployment.")
@author_option
def rollback_policy_set(model: str, checks: Sequence[str], within: timedelta, author: str) -> None:
    """Let MODEL go back to the version before when one of these checks alarms soon after a deployment."""
    from app.services.automatic_rollback import set_rollback_policy

    with database() as engine:
        set_rollback_policy(engine, now(), model, checks=checks, within=within, author=author)
    click.echo(
        f"{model} goes back by itself for {text(within)} after a deployment; `watchkeeper drill` shows if it can"
    )


@rollback_policy.command("show")
@click.argument("model")
@format_option
def rollback_policy_show(model: str, format_: str) -> None:
    """Show MODEL's policy."""
    from app.services.automatic_rollback import rollback_policy as find

    with database() as engine:
        found = find(engine, model)
    said = {"author": found.author, "set_at": found.set_at} if found else {}
    rows = [{"model": model, **asdict(found.policy), **said}] if found else []
    show(rows, format_, empty=f"{model} does not go back by itself; see `watchkeeper rollback policy set --help`")


@rollback_policy.command("remove")
@click.argument("model")
def rollback_policy_remove(model: str) -> None:
    """Let MODEL go back by itself no more."""
    from app.services.automatic_rollback import remove_rollback_policy

    with database() as engine:
        remove_rollback_policy(engine, model)
    click.echo(f"{model} goes back by itself no more")
