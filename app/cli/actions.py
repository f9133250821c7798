"""`watchkeeper channel`: who is told."""

from __future__ import annotations

import os
from collections.abc import Sequence

import click

from app.cli.output import format_option, show
from app.cli.parameters import fields
from app.cli.session import database, now, settings


@click.group()
def channel() -> None:
    """Add, list, test and remove the channels that alerts go to."""


@channel.command(
    "add",
    epilog="""\b
Examples:
  watchkeeper channel add ops-slack --kind slack --set url=env:SLACK_WEBHOOK_URL
  watchkeeper channel add ops-mail --kind email --set host=smtp.example.org --set sender=watch@example.org \\
      --set recipients=oncall@example.org --set username=watch \\
      --set password=file:/run/secrets/smtp_password

Secrets are given by reference, env:NAME or file:PATH, and are read when a message is sent; they are never stored.""",
)
@click.argument("name")
@click.option("--kind", required=True, help="slack or email.")
@click.option("--set", "values", multiple=True, metavar="FIELD=VALUE", help="A field of the channel. May be repeated.")
def channel_add(name: str, kind: str, values: Sequence[str]) -> None:
    """Add channel NAME; every alert from now on goes to it too."""
    from app.services.channels import add_channel

    with database() as engine:
        add_channel(engine, now(), name, kind, fields(values))
    click.echo(f"channel {name} is there; try it with `watchkeeper channel test {name}`")


@channel.command("list")
@format_option
def channel_list(format_: str) -> None:
    """List the channels and how their deliveries stand."""
    from dataclasses import asdict

    from app.services.channels import list_channels

    with database() as engine:
        rows = [
            {"name": found.name, "kind": found.kind, **asdict(found.backlog), "config": dict(found.config)}
            for found in list_channels(engine)
        ]
    show(rows, format_, empty="no channel: alerts are only in the dashboard; see `watchkeeper channel add --help`")


@channel.command("test")
@click.argument("name")
def channel_test(name: str) -> None:
    """Send a real test message through channel NAME and say what the other side answered."""
    from app.core.delivery import Sent
    from app.services.channels import send_test

    with database() as engine:
        answer = send_test(engine, now(), settings(), name, environment=os.environ)
    if not isinstance(answer, Sent):
        raise click.ClickException(f"{name} did not take it: {answer.why}")
    click.echo(f"{name} took the message" + (f"; {answer.note}" if answer.note else ""))


@channel.command("remove")
@click.argument("name")
def channel_remove(name: str) -> None:
    """Remove channel NAME and what waits for it."""
    from app.services.channels import remove_channel

    with database() as engine:
        remove_channel(engine, name)
    click.echo(f"channel {name} is removed")
