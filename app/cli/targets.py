"""`watchkeeper target`: where requests for retraining go, and what else machines are to act on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict

import click

from app.cli.output import format_option, show
from app.cli.parameters import fields
from app.cli.session import database, now, settings


@click.group()
def target() -> None:
    """Add, list, try out and remove the services that are asked to retrain, or told what is live."""


@target.command(
    "add",
    epilog="""\b
Example:
  watchkeeper target add training --preset webhook --set url=https://ci.example.org/retrain \\
      --set secret=env:RETRAIN_SECRET

`watchkeeper target presets` lists the fields of each preset. Secrets are given by reference, env:NAME or
file:PATH, and are read when a request is sent; they are never stored. Any other field may be a reference, too.""",
)
@click.argument("name")
@click.option("--preset", required=True, help="The kind of service; see `watchkeeper target presets`.")
@click.option("--set", "values", multiple=True, metavar="FIELD=VALUE", help="A field of the preset. May be repeated.")
def target_add(name: str, preset: str, values: Sequence[str]) -> None:
    """Add target NAME, which policies may name then."""
    from app.services.targets import add_target

    with database() as engine:
        add_target(engine, now(), name, preset, fields(values))
    click.echo(f"target {name} is there; try it with `watchkeeper target test {name}`")


@target.command("list")
@format_option
def target_list(format_: str) -> None:
    """List the targets and the models whose policy names them."""
    from app.services.targets import list_targets

    with database() as engine:
        rows = [asdict(found) for found in list_targets(engine)]
    show(rows, format_, empty="no target yet; see `watchkeeper target add --help`")


@target.command("show")
@click.argument("name")
@format_option
def target_show(name: str, format_: str) -> None:
    """Show target NAME with the values of its fields."""
    from app.services.targets import show_target

    with database() as engine:
        found = show_target(engine, name)
    show([asdict(found)], format_)


@target.command("test")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Send it even where it starts a real run.")
def target_test(name: str, yes: bool) -> None:
    """Send a real request that says it is a test to target NAME, and say what the other side answered."""
    from app.core.delivery import Sent
    from app.services.targets import send_test

    with database() as engine:
        answer = send_test(engine, now(), settings(), name, environment=os.environ, may_start=yes)
    if not isinstance(answer, Sent):
        raise click.ClickException(f"{name} did not take it: {answer.why}")
    click.echo(
        f"{name} took the request" + "".join(f"; {said}" for said in (answer.note, _run(answer.receipt)) if said)
    )


def _run(receipt: str) -> str:
    return f"it started run {receipt}" if receipt else ""


@target.command("remove")
@click.argument("name")
def target_remove(name: str) -> None:
    """Remove target NAME; what waits to be sent to it is given up."""
    from app.services.targets import remove_target

    with database() as engine:
        remove_target(engine, name)
    click.echo(f"target {name} is removed")


@target.command("presets")
@format_option
def target_presets(format_: str) -> None:
    """List the kinds of services and the fields that each needs."""
    from app.core.presets import PRESETS

    rows = [
        {
            "preset": preset.name,
            "field": one.name,
            "default": "needed" if one.default is None else one.default,
            "secret": one.secret,
            "meaning": one.help,
        }
        for preset in PRESETS.values()
        for one in preset.fields
    ]
    show(rows, format_)
