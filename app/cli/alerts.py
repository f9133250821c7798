"""`watchkeeper alert`: what fires, how it came, and who has it in hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from app.cli.output import as_json, format_option, show
from app.cli.parameters import author_option
from app.cli.session import database, now

COLUMNS = [
    *("id", "status", "severity", "model", "version", "check", "subject", "segment", "since"),
    *("value", "limit", "acknowledged_by", "reason"),
]


@click.group()
def alert() -> None:
    """See alerts, and take them in hand."""


@alert.command("list")
@click.option("--model", help="Only this model's.")
@click.option("--all", "all_", is_flag=True, help="Resolved and pending ones too.")
@format_option
def alert_list(model: str | None, all_: bool, format_: str) -> None:
    """List the open alerts, the worst first."""
    from app.services.read_models import alerts

    with database() as engine:
        rows = alerts(engine, now(), model=model, all_=all_)
    show(rows, format_, columns=COLUMNS, empty="no alert" if all_ else "no open alert")


@alert.command(
    "show",
    epilog="""\b
Examples:
  watchkeeper alert show 12
  watchkeeper alert show 12 --json""",
)
@click.argument("identity", metavar="ID", type=int)
@format_option
def alert_show(identity: int, format_: str) -> None:
    """Say everything about alert ID: how bad, why, what changed around then, what to do, who was told."""
    from app.cli.alert_text import alert_text
    from app.services.alert_page import alert_page

    with database() as engine:
        page = alert_page(engine, identity, now())
    click.echo(as_json(page.as_dict()) if format_ == "json" else alert_text(page))


def _holding(command: Callable[..., Any]) -> Callable[..., Any]:
    """The arguments of who takes alerts in hand, gives them back or resolves them."""
    for option in (
        format_option,
        click.option("--comment", default="", help="What is being done, or why."),
        author_option,
        click.option("--group", is_flag=True, help="All of the same check and version, which are told together."),
        click.argument("identities", metavar="ID...", type=int, nargs=-1, required=True),
    ):
        command = option(command)
    return command


@alert.command(
    "ack",
    epilog="""\b
Examples:
  watchkeeper alert ack 12 --comment "looking at the join"
  watchkeeper alert ack 12 --group --author ann""",
)
@_holding
def alert_ack(identities: tuple[int, ...], group: bool, author: str, comment: str, format_: str) -> None:
    """Take alerts in hand: they are not repeated and not escalated until they resolve or get worse."""
    from app.services.acknowledging import acknowledge

    with database() as engine:
        done = acknowledge(engine, now(), identities, author=author, comment=comment, group=group)
    _say(done, f"acknowledged by {author}", format_)


@alert.command(
    "unack",
    epilog="""\b
Examples:
  watchkeeper alert unack 12 --comment "not my table"
  watchkeeper alert unack 12 --group""",
)
@_holding
def alert_unack(identities: tuple[int, ...], group: bool, author: str, comment: str, format_: str) -> None:
    """Give alerts back: nobody has them in hand any more, and they are told again."""
    from app.services.acknowledging import unacknowledge

    with database() as engine:
        done = unacknowledge(engine, now(), identities, author=author, comment=comment, group=group)
    _say(done, f"given back by {author}", format_)


@alert.command(
    "resolve",
    epilog="""\b
Examples:
  watchkeeper alert resolve 12 --comment "the join is mended"
  watchkeeper alert resolve 12 --group --author ann --comment "a test of the shop"

It fires again when a later window is in breach.""",
)
@_holding
def alert_resolve(identities: tuple[int, ...], group: bool, author: str, comment: str, format_: str) -> None:
    """Say that alerts are over: those that heard of them hear that, with the comment, which must be given."""
    from app.services.acknowledging import resolve

    with database() as engine:
        done = resolve(engine, now(), identities, author=author, comment=comment, group=group)
    _say(done, f"resolved by {author}", format_)


def _say(done: Sequence[int], what: str, format_: str) -> None:
    if format_ == "json":
        click.echo(as_json([{"id": identity} for identity in done]))
    else:
        click.echo(f"{what}: {', '.join(map(str, done))}")
