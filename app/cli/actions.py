"""`watchkeeper channel` and `watchkeeper policy`: who is told, and what is asked for."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta

import click

from app.cli.output import format_option, show
from app.cli.parameters import DURATION
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
        add_channel(engine, now(), name, kind, _fields(values))
    click.echo(f"channel {name} is there; try it with `watchkeeper channel test {name}`")


def _fields(values: Sequence[str]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for text in values:
        name, separator, value = text.partition("=")
        if not separator or name in fields:
            raise click.BadParameter(f"{name!r}: write FIELD=VALUE, each field once", param_hint="--set")
        fields[name] = value
    return fields


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


@click.group()
def policy() -> None:
    """Say when a model asks for retraining, and where."""


@policy.command(
    "set",
    epilog="""\b
Example:
  watchkeeper policy set fraud --check concept_drift --check performance --cooldown 7d \\
      --minimum-new-labels 500 --webhook-url https://ci.example.org/retrain --secret env:RETRAIN_SECRET

The request is signed as Standard Webhooks ask for; the secret is whsec_ and base64.""",
)
@click.argument("model")
@click.option("--check", "checks", multiple=True, required=True, help="A check whose alert asks. May be repeated.")
@click.option("--cooldown", type=DURATION, default="7d", show_default=True, help="Least time between two requests.")
@click.option(
    "--minimum-new-labels",
    type=click.IntRange(0),
    default=100,
    show_default=True,
    help="New labels since the last request below which asking is pointless.",
)
@click.option("--webhook-url", required=True, help="Where the request goes.")
@click.option("--secret", required=True, metavar="REFERENCE", help="env:NAME or file:PATH of the signing secret.")
def policy_set(
    model: str, checks: Sequence[str], cooldown: timedelta, minimum_new_labels: int, webhook_url: str, secret: str
) -> None:
    """Let MODEL ask for retraining."""
    from app.services.policies import set_policy

    with database() as engine:
        set_policy(
            engine,
            now(),
            model,
            checks=checks,
            cooldown=cooldown,
            minimum_new_labels=minimum_new_labels,
            webhook_url=webhook_url,
            secret=secret,
        )
    click.echo(f"{model} asks for retraining when {' or '.join(checks)} alarms")


@policy.command("show")
@click.argument("model")
@format_option
def policy_show(model: str, format_: str) -> None:
    """Show MODEL's policy and its last request."""
    from dataclasses import asdict

    from app.services.policies import show_policy

    with database() as engine:
        status = show_policy(engine, model)
    last = asdict(status.last_request) if status.last_request else {}
    row = {
        "model": status.policy.model,
        **asdict(status.policy.policy),
        "webhook_url": status.policy.webhook_url,
        "secret": status.policy.secret,
        "last_request": last.get("created_at"),
        "last_state": last.get("state"),
        "last_error": last.get("last_error"),
    }
    show([row], format_)


@policy.command("remove")
@click.argument("model")
def policy_remove(model: str) -> None:
    """Let MODEL ask no more."""
    from app.services.policies import remove_policy

    with database() as engine:
        remove_policy(engine, model)
    click.echo(f"{model} asks for retraining no more")
