"""`watchkeeper drill` and `watchkeeper live`: try a rollback without one, and say who is told what is live."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from app.cli.output import as_json, format_option, show
from app.cli.parameters import DURATION, author_option
from app.cli.session import database, now

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from app.core.drills import Drill

PASSED, FAILED = 0, 1
_LOOK_SECONDS = 0.5
_COLUMNS = ("id", "model", "version", "state", "started_at", "steps", "author", "reason", "called_off_by")


@click.group(
    invoke_without_command=True,
    epilog="""\b
Examples:
  watchkeeper drill --model fraud
  watchkeeper drill --model fraud --to 2 --timeout 2m
  watchkeeper drill list --model fraud

Exit codes: 0 passed (or begun, with --no-wait), 1 failed or called off.""",
)
@click.option("--model", help="The model.")
@click.option("--to", metavar="VERSION", help="The version to try; without one, the one a rollback would lead to.")
@click.option("--timeout", type=DURATION, default="10m", show_default=True, help="How long the serving side may take.")
@author_option
@click.option("--no-wait", is_flag=True, help="Begin it, and do not wait for its end.")
@format_option
@click.pass_context
def drill(
    ctx: click.Context,
    model: str | None,
    to: str | None,
    timeout: timedelta,
    author: str,
    no_wait: bool,
    format_: str,
) -> None:
    """Have the serving side prove that it can load an earlier version of a model; nothing that is live changes."""
    from app.services.drills import start_drill

    if ctx.invoked_subcommand is not None:
        return
    if model is None:
        raise click.UsageError("Missing option '--model'.")
    with database() as engine:
        found = start_drill(engine, model, now(), to=to, author=author, timeout=timeout)
        click.echo(f"drill {found.id}: version {found.version} of {model} is to answer {found.rows} rows", err=True)
        found = found if no_wait else _end_of(engine, found)
    show([_row(found)], format_, columns=_COLUMNS)
    sys.exit(PASSED if found.state in ("passed", "running") else FAILED)


def _end_of(engine: Engine, found: Drill) -> Drill:
    from app.services.drills import drill as find

    while found.state == "running":
        time.sleep(_LOOK_SECONDS)
        found = find(engine, found.id, now())
    return found


@drill.command("list")
@click.option("--model", help="The model; without one, every model.")
@format_option
def drill_list(model: str | None, format_: str) -> None:
    """List the drills, the newest first, with how long each step took."""
    from app.services.drills import list_drills

    with database() as engine:
        rows = [_row(one) for one in list_drills(engine, model)]
    show(rows, format_, columns=_COLUMNS, empty="no drill yet; run `watchkeeper drill --model MODEL`")


@drill.command(
    "call-off",
    epilog="""\b
Example:
  watchkeeper drill call-off 7 --reason 'the serving side is deployed anew'

It proves nothing, neither way: it counts as no failure, and an answer that comes later is refused.""",
)
@click.argument("drill_id", metavar="ID", type=int)
@click.option("--reason", default="", help="Why, as the list says it.")
@author_option
@format_option
def drill_call_off(drill_id: int, reason: str, author: str, format_: str) -> None:
    """Call off drill ID, which waits for its answers."""
    from app.services.drills import call_off_drill

    with database() as engine:
        ended = call_off_drill(engine, drill_id, now(), author=author, reason=reason)
    if format_ == "json":
        click.echo(as_json(_row(ended)))
        return
    click.echo(f"drill {drill_id} of version {ended.version} of {ended.model}: {ended.ended}")


def _row(found: Drill) -> dict[str, Any]:
    steps = {name: f"{took.total_seconds():.1f} s" for name, took in found.steps.items() if took is not None}
    return {**asdict(found), "steps": steps}


@click.group()
def live() -> None:
    """Say which targets are told what is live."""


@live.command(
    "subscribe",
    epilog="""\b
Example:
  watchkeeper target add serving --preset webhook --set url=https://serving.example.org/live \\
      --set secret=env:SERVING_SECRET
  watchkeeper live subscribe fraud --target serving""",
)
@click.argument("model")
@click.option("--target", required=True, help="The target to tell; several may be told.")
@author_option
def live_subscribe(model: str, target: str, author: str) -> None:
    """Tell a target of every change of MODEL's live version, and of its drills."""
    from app.services.subscribers import subscribe

    with database() as engine:
        subscribe(engine, now(), model, target, author)
    click.echo(f"{target} is told what is live of {model}; try it with `watchkeeper drill --model {model}`")


@live.command("unsubscribe")
@click.argument("model")
@click.option("--target", required=True, help="The target to tell no more.")
def live_unsubscribe(model: str, target: str) -> None:
    """Tell a target of MODEL no more."""
    from app.services.subscribers import unsubscribe

    with database() as engine:
        unsubscribe(engine, model, target)
    click.echo(f"{target} is told of {model} no more")


@live.command("show")
@click.argument("model")
@format_option
def live_show(model: str, format_: str) -> None:
    """Show which version of MODEL is live, who is told, and whose predictions still come."""
    from app.services.live import live_state
    from app.services.read_models.versions import model_versions
    from app.services.subscribers import list_subscribers

    with database() as engine:
        state, told = live_state(engine, model), list_subscribers(engine, model)
        seen = [one for one in model_versions(engine, model).versions if one.newest_window]
    if format_ == "json":
        windows = {one.name: one.newest_window for one in seen}
        show([{**asdict(state), "subscribers": [asdict(one) for one in told], "newest_windows": windows}], format_)
        return
    since = f" since {state.since:%Y-%m-%d %H:%M} UTC" if state.since else ""
    click.echo(f"{model}: version {state.version} is live{since}" if state.version else f"{model}: no version is live")
    for one in seen:
        click.echo(f"version {one.name}: newest predictions in the window of {one.newest_window:%Y-%m-%d %H:%M} UTC")
    columns = ("target", "author", "since", "state", "last_error")
    show([asdict(one) for one in told], format_, columns=columns, empty="nobody is told; see `live subscribe --help`")
