"""`watchkeeper policy`: when a model asks for retraining, and where."""

from __future__ import annotations

from typing import Any

import click

from app.cli.output import format_option, show
from app.cli.parameters import DURATION
from app.cli.session import database, now
from app.core.severity import Severity


@click.group()
def policy() -> None:
    """Say when a model asks for retraining, and where."""


@policy.command(
    "set",
    epilog="""\b
Examples:
  watchkeeper policy set fraud --check concept_drift --check performance --cooldown 7d --target training
  watchkeeper policy set fraud --check performance --minimum-severity critical --budget 4 --ask-first --target training
  watchkeeper policy set fraud --check performance --minimum-new-labels 500 \\
      --webhook-url https://ci.example.org/retrain --secret env:RETRAIN_SECRET

--webhook-url and --secret are short for a target of the preset `webhook` with the model's name; see
`watchkeeper target --help`.""",
)
@click.argument("model")
@click.option("--check", "checks", multiple=True, required=True, help="A check whose alert asks. May be repeated.")
@click.option(
    "--minimum-severity",
    type=click.Choice([Severity.WARNING.value, Severity.CRITICAL.value]),
    default=Severity.WARNING.value,
    show_default=True,
    help="An alert that is milder does not ask.",
)
@click.option("--segments", is_flag=True, help="A breach in a segment alone may ask, too.")
@click.option("--cooldown", type=DURATION, default="7d", show_default=True, help="Least time between two requests.")
@click.option(
    "--minimum-new-labels",
    type=click.IntRange(0),
    default=100,
    show_default=True,
    help="New labels since the last request below which asking is pointless.",
)
@click.option("--budget", type=click.IntRange(0), help="Most requests in 30 days; without it, no bound.")
@click.option("--calendar", default="", help="When to ask only, such as 'mon-fri 08:00-18:00 Europe/Berlin'.")
@click.option("--ask-first", is_flag=True, help="Each request waits for `watchkeeper retraining approve`.")
@click.option("--timeout", type=DURATION, default="1d", show_default=True, help="How long a run may take.")
@click.option(
    "--training-window",
    type=DURATION,
    default="90d",
    show_default=True,
    help="How far back the training set reaches that a request offers.",
)
@click.option("--target", default="", metavar="NAME", help="The target that is asked.")
@click.option("--webhook-url", default="", help="Instead of a target: where a signed webhook goes.")
@click.option("--secret", default="", metavar="REFERENCE", help="env:NAME or file:PATH of the webhook's secret.")
def policy_set(model: str, target: str, webhook_url: str, secret: str, **rules: Any) -> None:
    """Let MODEL ask for retraining."""
    from app.core.calendars import parse_calendar
    from app.core.retraining import Policy
    from app.services.policies import set_policy

    rules["checks"] = tuple(dict.fromkeys(rules["checks"]))
    rules["minimum_severity"] = Severity(rules["minimum_severity"])
    rules["calendar"] = parse_calendar(rules["calendar"])
    with database() as engine:
        set_policy(engine, now(), model, Policy(**rules), target=target, webhook_url=webhook_url, secret=secret)
    click.echo(f"{model} asks for retraining when {' or '.join(rules['checks'])} alarms")


@policy.command("show")
@click.argument("model")
@format_option
def policy_show(model: str, format_: str) -> None:
    """Show MODEL's policy and its last request."""
    from dataclasses import asdict

    from app.services.policies import show_policy

    with database() as engine:
        status = show_policy(engine, model)
    rules = asdict(status.policy.policy) | {"calendar": getattr(status.policy.policy.calendar, "text", "any time")}
    last = status.last_run
    row = {
        "model": status.policy.model,
        **rules,
        "target": status.policy.target.name,
        "last_run": last and last.webhook_id,
        "last_requested": last and last.created_at,
        "last_state": last and last.state,
        "last_error": last and last.last_error,
    }
    show([row], format_)


@policy.command("remove")
@click.argument("model")
def policy_remove(model: str) -> None:
    """Let MODEL ask no more; what it asked for and nobody has taken yet is given up."""
    from app.services.policies import remove_policy

    with database() as engine:
        remove_policy(engine, now(), model)
    click.echo(f"{model} asks for retraining no more")
