"""`watchkeeper channel`: who is told, and how."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from app.cli import parameters
from app.cli.output import as_json, format_option, show
from app.cli.parameters import author_option
from app.cli.session import database, now, settings

if TYPE_CHECKING:
    from app.services.channels import ChannelStatus, Switched
    from app.services.trials import Trial

_NOBODY = "Nobody is told of alerts: every channel is off; `watchkeeper channel on NAME` switches one on"
_FIELDS = click.option(
    "--set", "values", multiple=True, metavar="FIELD=VALUE", help="A field of the channel. May be repeated."
)


@click.group()
def channel() -> None:
    """Add, list, change, test, switch and remove the channels that alerts go to."""


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
        found = list_channels(engine)
    empty = "no channel: alerts are only in the dashboard; see `watchkeeper channel add --help`"
    show([_row(one) for one in found], format_, empty=empty)
    if found and all(one.off for one in found):
        click.echo(_NOBODY, err=True)


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

    off = found.off
    switched = {
        "state": "off" if off else "on",
        "off_since": off and off.since,
        "off_by": off and off.by,
        "off_reason": off and off.reason,
    }
    return {"name": found.name, "kind": found.kind, **switched, **asdict(found.backlog), "config": dict(found.config)}


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


@channel.command(
    "off",
    epilog="""\b
Example:
  watchkeeper channel off ops-slack --reason 'the workspace is moved'

What waits for it is taken back, and nothing is queued while it is off. What only it would hear of by the routes goes
to the next route that fits, else to every channel that is on. The end of what it has got waits until it is on.""",
)
@click.argument("name")
@click.option("--reason", default="", help="Why, as the page and the list say it.")
@author_option
@format_option
def channel_off(name: str, reason: str, author: str, format_: str) -> None:
    """Send nothing to channel NAME until it is switched on again."""
    from app.services.channels import switch_off

    with database() as engine:
        done = switch_off(engine, now(), name, author=author, reason=reason)
    _switched(name, "off", done, format_)
    if done.nobody_told:
        click.echo(_NOBODY, err=True)


@channel.command(
    "on",
    epilog="""\b
Example:
  watchkeeper channel on ops-slack

It hears of what is told from now on; what fires still is told with its next repetition.""",
)
@click.argument("name")
@format_option
def channel_on(name: str, format_: str) -> None:
    """Send to channel NAME again."""
    from app.services.channels import switch_on

    with database() as engine:
        done = switch_on(engine, name)
    _switched(name, "on", done, format_)


def _switched(name: str, state: str, done: Switched, format_: str) -> None:
    if format_ == "json":
        row = {"name": name, "state": state, "taken_back": done.taken_back, "nobody_told": done.nobody_told}
        click.echo(as_json(row))
        return
    taken = f"; {done.taken_back} message(s) that waited for it are taken back" if done.taken_back else ""
    click.echo(f"channel {name} is {state}{taken}")


@channel.command("remove")
@click.argument("name")
def channel_remove(name: str) -> None:
    """Remove channel NAME and what waits for it."""
    from app.services.channels import remove_channel

    with database() as engine:
        remove_channel(engine, name)
    click.echo(f"channel {name} is removed")
