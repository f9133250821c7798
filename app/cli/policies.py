"""`watchkeeper policy`: when a model asks for retraining, and where."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import click

from app.cli.output import format_option, show
from app.cli.parameters import DURATION
from app.cli.session import database, now


@click.group()
def policy() -> None:
    """Say when a model asks for retraining, and where."""


@policy.command(
    "set",
    epilog="""\b
Examples:
  watchkeeper policy set fraud --check concept_drift --check performance --cooldown 7d --target training
  watchkeeper policy set fraud --check performance --minimum-new-labels 500 \\
      --webhook-url https://ci.example.org/retrain --secret env:RETRAIN_SECRET

--webhook-url and --secret are short for a target of the preset `webhook` with the model's name; see
`watchkeeper target --help`.""",
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
@click.option("--target", default="", metavar="NAME", help="The target that is asked.")
@click.option("--webhook-url", default="", help="Instead of a target: where a signed webhook goes.")
@click.option("--secret", default="", metavar="REFERENCE", help="env:NAME or file:PATH of the webhook's secret.")
def policy_set(
    model: str,
    checks: Sequence[str],
    cooldown: timedelta,
    minimum_new_labels: int,
    target: str,
    webhook_url: str,
    secret: str,
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
            target=target,
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
        "target": status.policy.target.name,
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
