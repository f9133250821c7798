"""`watchkeeper route`: who hears of what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from app.cli.output import as_json, format_option, show, text
from app.cli.parameters import DURATION, author_option
from app.cli.session import database, now, settings
from app.core.routing import Route, RouteMatch
from app.core.severity import Severity

if TYPE_CHECKING:
    from app.services.route_preview import Draft

COLUMNS = [
    "position",
    "id",
    "takes",
    "channels",
    "digest",
    "continue",
    "repeat",
    "escalate_after",
    "escalate_to",
    "missing",
    "off",
]
UNSET = ["project", "model", "check", "owner", "segment", "severity", "repeat", "escalate-after", "escalate-to"]
_PREVIEW = click.option(
    "--preview", is_flag=True, help="Change nothing: say who would hear of the alerts of the last 30 days."
)
SEVERITIES = click.Choice([severity.value for severity in Severity])


@click.group()
def route() -> None:
    """Say which alerts go to which channels; without any route, all go to all."""


def _match(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which alerts are meant."""
    for option in (
        click.option("--severity", type=SEVERITIES, help="Alerts that are at least so severe."),
        click.option("--segment", help="Alerts of this segment, such as country=FI."),
        click.option("--owner", help="Alerts of models with this owner or team."),
        click.option("--check", help="Alerts of this check."),
        click.option("--model", help="Alerts of this model."),
        click.option("--project", help="Alerts of this project."),
    ):
        command = option(command)
    return command


@route.command(
    "add",
    epilog="""\b
Examples:
  watchkeeper route add --severity critical --to pager --continue
  watchkeeper route add --owner payments --to payments-slack --repeat 8h
  watchkeeper route add --check staleness --to team-mail --digest
  watchkeeper route add --model 'fraud*' --to ops --escalate-after 15m --escalate-to pager
  watchkeeper route add --to ops
  watchkeeper route add --severity critical --to pager --preview

In a name, * stands for any characters and ? for one. The first route that fits an alert takes it; with --continue,
those behind it are looked at as well. What no route takes goes to every channel.""",
)
@_match
@click.option(
    "--to", "channels", multiple=True, required=True, metavar="CHANNEL", help="Where it goes. May be repeated."
)
@click.option("--repeat", type=DURATION, help="Told again so often, such as 8h, while nobody has it in hand.")
@click.option("--escalate-after", type=DURATION, help="Escalated after so long, such as 15m, from severity warning on.")
@click.option("--escalate-to", multiple=True, metavar="CHANNEL", help="Who hears of it then, too. May be repeated.")
@click.option("--digest", is_flag=True, help="In the next digest rather than at once; see WATCHKEEPER_DIGEST.")
@click.option("--continue", "go_on", is_flag=True, help="Look at the routes behind this one as well.")
@click.option("--position", type=int, help="Where it stands, 1 being the first; without one, as the last.")
@_PREVIEW
@author_option
@format_option
def route_add(
    channels: Sequence[str],
    repeat: timedelta | None,
    escalate_after: timedelta | None,
    escalate_to: Sequence[str],
    digest: bool,
    go_on: bool,
    position: int | None,
    preview: bool,
    author: str,
    format_: str,
    severity: str | None,
    **names: str | None,
) -> None:
    """Add a route, as the last one or at a position."""
    from app.services.route_preview import Draft
    from app.services.routing import add_route

    match = RouteMatch(**names, severity=Severity(severity) if severity else None)
    new = Route(
        match,
        tuple(channels),
        digest=digest,
        go_on=go_on,
        repeat=repeat,
        escalate_after=escalate_after,
        escalate_to=tuple(escalate_to),
    )
    if preview:
        _preview(Draft(None, new, position), format_)
        return
    with database() as engine:
        row = add_route(engine, now(), new, author=author, position=position)
    said = f"route {row['id']} stands at position {row['position']}: {row['takes']} goes to {', '.join(channels)}"
    click.echo(as_json(row) if format_ == "json" else said)
    if digest and not settings().digest:
        click.echo("Note: no digest is sent, so it goes at once; set WATCHKEEPER_DIGEST", err=True)


@route.command(
    "set",
    epilog="""\b
Examples:
  watchkeeper route set 3 --to ops --to pager --repeat 4h
  watchkeeper route set 3 --severity critical --unset owner --preview

What is not given stays as it is. --to and --escalate-to take the place of all channels that were named before.""",
)
@click.argument("identity", metavar="ID", type=int)
@_match
@click.option("--to", "channels", multiple=True, metavar="CHANNEL", help="Where it goes. May be repeated.")
@click.option("--repeat", type=DURATION, help="Told again so often, such as 8h, while nobody has it in hand.")
@click.option("--escalate-after", type=DURATION, help="Escalated after so long, such as 15m, from severity warning on.")
@click.option("--escalate-to", multiple=True, metavar="CHANNEL", help="Who hears of it then, too. May be repeated.")
@click.option("--digest/--no-digest", default=None, help="In the next digest, or at once.")
@click.option("--continue/--no-continue", "go_on", default=None, help="Look at the routes behind this one as well.")
@click.option("--position", type=int, help="Where it stands from now on, 1 being the first.")
@click.option(
    "--unset",
    multiple=True,
    type=click.Choice(UNSET),
    help="What is asked for no more, or usual again. May be repeated.",
)
@_PREVIEW
@author_option
@format_option
def route_set(
    identity: int,
    position: int | None,
    unset: Sequence[str],
    preview: bool,
    author: str,
    format_: str,
    **given: Any,
) -> None:
    """Change route ID."""
    from app.services.route_preview import Draft
    from app.services.routing import find_route, set_route

    if position is None and not unset and not any(value not in (None, ()) for value in given.values()):
        raise click.UsageError("say what to change, such as --to CHANNEL or --unset owner")
    with database() as engine:
        seen = find_route(engine, identity)
        new = _changed(seen, given, unset)
        if not preview:
            row = set_route(engine, now(), identity, new, author=author, position=position, seen=seen)
    if preview:
        _preview(Draft(identity, new, position), format_)
        return
    said = f"route {identity} stands at position {row['position']}: {row['takes']} goes to {', '.join(row['channels'])}"
    click.echo(as_json(row) if format_ == "json" else said)


def _changed(stored: Route, given: dict[str, Any], unset: Sequence[str]) -> Route:
    """The route with what was given, and without what was unset."""
    said = {name: value for name, value in given.items() if value not in (None, ())}
    both = sorted({name for name in unset if name.replace("-", "_") in said})
    if both:
        raise click.UsageError(f"--{both[0]} is given and unset: which of the two?")
    usual: dict[str, Any] = {"repeat": None, "escalate_after": None, "escalate_to": ()}
    said |= {name: usual.get(name) for name in (one.replace("-", "_") for one in unset)}
    names = {name: value for name, value in said.items() if name in RouteMatch.__dataclass_fields__}
    if names.get("severity"):
        names["severity"] = Severity(names["severity"])
    rest = {name: value for name, value in said.items() if name not in names}
    return replace(stored, match=replace(stored.match, **names), **rest)


@route.command("list")
@format_option
def route_list(format_: str) -> None:
    """List the routes in their order."""
    from app.services.routing import list_routes

    with database() as engine:
        rows = list_routes(engine)
    show(
        rows, format_, columns=COLUMNS, empty="no route: every alert goes to every channel; see `watchkeeper route add`"
    )


@route.command("move")
@click.argument("identity", metavar="ID", type=int)
@click.option("--position", type=int, required=True, help="Where it stands from now on, 1 being the first.")
def route_move(identity: int, position: int) -> None:
    """Move route ID before or behind the others."""
    from app.services.routing import move_route

    with database() as engine:
        move_route(engine, identity, position)
    click.echo(f"route {identity} stands at position {position}")


@route.command("remove")
@click.argument("identity", metavar="ID", type=int)
@_PREVIEW
@format_option
def route_remove(identity: int, preview: bool, format_: str) -> None:
    """Remove route ID."""
    from app.services.route_preview import Draft
    from app.services.routing import remove_route

    if preview:
        _preview(Draft(identity, None), format_)
        return
    with database() as engine:
        remove_route(engine, identity)
    click.echo(f"route {identity} is removed")


def _preview(draft: Draft, format_: str) -> None:
    """Who hears of the alerts of late, and who would."""
    from app.services.route_preview import RECENT, preview
    from app.services.routing import in_words

    with database() as engine:
        found = preview(engine, now(), draft, digests=bool(settings().digest))
    rows = [
        {
            "model": one.model or "Watchkeeper itself",
            "version": one.version,
            "check": one.check,
            "severity": one.severity.value,
            "fires": one.fires,
            "changes": one.changes,
            "now": in_words(one.now),
            "then": in_words(one.then),
        }
        for one in found
    ]
    if format_ == "json":
        click.echo(as_json(rows))
        return
    empty = f"no check that alerted in the last {RECENT.days} days would be told otherwise"
    changed = [row for row in rows if row["changes"]]
    show(changed, format_, columns=["model", "version", "check", "severity", "now", "then"], empty=empty)
    click.echo(
        f"nothing is changed; {len(rows) - len(changed)} other check(s) of late are told as they are now", err=True
    )


@route.command(
    "explain",
    epilog="""\b
Example:
  watchkeeper route explain --model fraud --check data_drift --severity critical""",
)
@click.option("--model", required=True, help="The model that the alert is about.")
@click.option("--check", required=True, help="The check that fired.")
@click.option("--severity", type=SEVERITIES, default="warning", show_default=True, help="How bad it is.")
@click.option("--segment", default="", help="In this segment; without one, for all rows.")
@format_option
def route_explain(model: str, check: str, severity: str, segment: str, format_: str) -> None:
    """Say which route takes such an alert, and which channels hear of it."""
    from app.services.routing import explain

    with database() as engine:
        found = explain(engine, model, check, Severity(severity), segment, digests=bool(settings().digest))
    if format_ == "json":
        click.echo(as_json(found))
        return
    click.echo("\n".join(found["why"]))
    for identity in found["passed_over"]:
        click.echo(f"route {identity} fits, and takes nothing: none of its channels is there and on")
    click.echo(f"at once: {', '.join(found['at_once']) or 'nobody'}")
    if found["in_digest"]:
        click.echo(f"in the digest: {', '.join(found['in_digest'])}")
    if found["repeat"]:
        click.echo(f"told again every {text(found['repeat'])}")
    if found["escalate_after"]:
        too = ", ".join(found["escalate_to"]) or "the same channels"
        click.echo(f"escalated after {text(found['escalate_after'])} to {too}")
