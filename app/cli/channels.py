"""`watchkeeper channel`: who is told, and how."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from app.cli import parameters
from app.cli.output import format_option, show
from app.cli.session import database, now, settings

if TYPE_CHECKING:
    from app.services.channels import ChannelStatus
    from app.services.trials import Trial

_FIELDS = click.option(
    "--set", "values", multiple=True, metavar="FIELD=VALUE", help="A field of the channel. May be repeated."
)


@click.group()
def channel() -> None:
    """Add, list, change, test and remove the channels that alerts go to."""


@channel.command("kinds")
@format_option
def channel_kinds(format_: str) -> None:
    """List the kinds of channel there are, and the fields of each."""
    from dataclasses import MISSING, fields

    from app.services.channels import kinds

    rows = [
        {
            "kind": kind,
            "field": field.name,
            "default": None if field.default is MISSING else field.default,
            "needed": field.default is MISSING,
            "secret": bool(field.metadata.get("secret")),
            "meaning": field.metadata["help"],
        }
        for kind, plugin in kinds().items()
        for field in fields(plugin)  # type: ignore[arg-type]  # a protocol cannot say that each is a dataclass
    ]
    show(rows, format_)


@channel.command(
    "add",
    epilog="""\b
Examples:
  watchkeeper channel add ops-slack --kind slack --set url=env:SLACK_WEBHOOK_URL
  watchkeeper channel add oncall --kind pagerduty --set routing_key=env:PAGERDUTY_KEY
  watchkeeper channel add ops-mail --kind email --set host=smtp.example.org --set sender=watch@example.org \\
      --set recipients=oncall@example.org --set username=watch \\
      --set password=file:/run/secrets/smtp_password

Secrets are given by reference, env:NAME or file:PATH, and are read when a message is sent; they are never stored.""",
)
@click.argument("name")
@click.option("--kind", required=True, help="One that `watchkeeper channel kinds` lists.")
@_FIELDS
def channel_add(name: str, kind: str, values: Sequence[str]) -> None:
    """Add channel NAME; every alert from now on goes to it too, unless routes say otherwise."""
    from app.services.channels import add_channel

    with database() as engine:
        add_channel(engine, now(), name, kind, parameters.fields(values))
    click.echo(f"channel {name} is there; try it with `watchkeeper channel test {name}`")


@channel.command(
    "set",
    epilog="""\b
Example:
  watchkeeper channel set ops-mail --set host=smtp2.example.org --unset username --unset password""",
)
@click.argument("name")
@_FIELDS
@click.option("--unset", multiple=True, metavar="FIELD", help="A field that gets its default. May be repeated.")
def channel_set(name: str, values: Sequence[str], unset: Sequence[str]) -> None:
    """Change fields of channel NAME. What waits for it is sent the new way."""
    from app.services.channels import set_channel

    if not values and not unset:
        raise click.UsageError("say what to change: --set FIELD=VALUE or --unset FIELD")
    with database() as engine:
        set_channel(engine, name, parameters.fields(values), unset)
    click.echo(f"channel {name} is changed; try it with `watchkeeper channel test {name}`")


@channel.command("list")
@format_option
def channel_list(format_: str) -> None:
    """List the channels and how their deliveries stand."""
    from app.services.channels import list_channels

    with database() as engine:
        rows = [_row(found) for found in list_channels(engine)]
    show(rows, format_, empty="no channel: alerts are only in the dashboard; see `watchkeeper channel add --help`")


@channel.command("show")
@click.argument("name")
@format_option
def channel_show(name: str, format_: str) -> None:
    """Show channel NAME: its fields, what waits, what was given up, and the newest error."""
    from app.services.channels import show_channel

    with database() as engine:
        row = _row(show_channel(engine, name))
    show([row], format_)


def _row(found: ChannelStatus) -> dict[str, object]:
    from dataclasses import asdict

    return {"name": found.name, "kind": found.kind, **asdict(found.backlog), "config": dict(found.config)}


@channel.command(
    "test",
    epilog="""\b
Example:
  watchkeeper channel test oncall

Where a service keeps an incident open (pagerduty, alertmanager, opsgenie) an alert of the severity info is
sent, and then its end.""",
)
@click.argument("name")
@format_option
def channel_test(name: str, format_: str) -> None:
    """Send a real test message through channel NAME and show what the other side answered."""
    from app.core.delivery import Sent
    from app.services.trials import try_channel

    with database() as engine:
        trials = try_channel(engine, now(), settings(), name, environment=os.environ)
    taken = isinstance(trials[-1].answer, Sent)
    if format_ == "json":
        show([_trial(trial) for trial in trials], format_)
    else:
        click.echo("\n".join(_told(name, trial) for trial in trials), err=not taken)
    if not taken:
        raise click.exceptions.Exit(1)


def _trial(trial: Trial) -> dict[str, object]:
    from app.core.delivery import Sent

    taken = isinstance(trial.answer, Sent)
    said = trial.answer.note if isinstance(trial.answer, Sent) else trial.answer.why
    return {"message": trial.kind, "taken": taken, "said": said, "status": trial.status, "body": trial.body}


def _told(name: str, trial: Trial) -> str:
    row = _trial(trial)
    said = f"; {row['said']}" if row["taken"] and row["said"] else "" if row["taken"] else f": {row['said']}"
    http = f" (HTTP {trial.status}{': ' + trial.body if trial.body else ''})" if trial.status else ""
    return f"{name} {'took' if row['taken'] else 'did not take'} the message `{trial.kind}`{said}{http}"


@channel.command("retry")
@click.argument("name")
def channel_retry(name: str) -> None:
    """Send again what was given up on channel NAME, unless a newer message about the same has arrived since."""
    from app.services.channels import retry_dead

    with database() as engine:
        revival = retry_dead(engine, now(), name)
    click.echo(f"{revival.pending} message(s) will be sent to {name} again")
    if revival.overtaken:
        click.echo(f"{revival.overtaken} stay(s) given up: a newer message about the same has arrived since")


@channel.command("remove")
@click.argument("name")
def channel_remove(name: str) -> None:
    """Remove channel NAME and what waits for it."""
    from app.services.channels import remove_channel

    with database() as engine:
        remove_channel(engine, name)
    click.echo(f"channel {name} is removed")
