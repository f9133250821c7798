"""`watchkeeper runbook`: what to do about an alert."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from app.cli.output import as_json, format_option, show
from app.cli.parameters import author_option
from app.cli.session import database, now

COLUMNS = ["model", "check", "content", "author", "set_at"]


@click.group()
def runbook() -> None:
    """Say what to do about an alert: show, declare, list and remove runbooks."""


@runbook.command(
    "show",
    epilog="""\b
Examples:
  watchkeeper runbook show --check volume
  watchkeeper runbook show --check volume --model fraud""",
)
@click.option("--check", required=True, help="The check that fired.")
@click.option("--model", default="", help="The model that it fired for.")
@format_option
def runbook_show(check: str, model: str, format_: str) -> None:
    """Print the runbook of CHECK: the one declared most closely, else the one that comes with the check."""
    from app.services.runbooks import find_guidance

    with database() as engine:
        found = find_guidance(engine, model, check)
    if format_ == "json":
        click.echo(as_json(asdict(found)))
        return
    click.echo(found.address or found.text)
    click.echo(f"\nRunbook: {found.of}" + (f", set by {found.author}" if found.author else ""), err=True)


@runbook.command(
    "set",
    epilog="""\b
Examples:
  watchkeeper runbook set --model fraud --check volume https://wiki.example.org/fraud-volume
  watchkeeper runbook set --check latency "Page the platform team: #platform"
  watchkeeper runbook set --model fraud --file fraud.md

Of several that fit, the one for the check of the model counts, then that of the model, then that of the check.""",
)
@click.argument("content", required=False, metavar="URL|TEXT")
@click.option("--file", "path", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The text's file.")
@click.option("--model", default="", help="For this model; without one, for every model.")
@click.option("--check", default="", help="For this check; without one, for every check.")
@author_option
def runbook_set(content: str | None, path: Path | None, model: str, check: str, author: str) -> None:
    """Declare a runbook: the address of a page, or a text."""
    from app.services.runbooks import set_runbook

    if (content is None) == (path is None):
        raise click.UsageError("give either URL|TEXT or --file")
    text = content if path is None else path.read_text(encoding="utf-8")
    with database() as engine:
        new = set_runbook(engine, now(), text or "", model=model, check=check, author=author)
    click.echo(f"the runbook of {new.of} is set")


@runbook.command("list")
@format_option
def runbook_list(format_: str) -> None:
    """List the runbooks that people declared."""
    from app.services.runbooks import list_runbooks

    with database() as engine:
        rows = list_runbooks(engine)
    show(rows, format_, columns=COLUMNS, empty="none is declared: each check comes with its own; see docs/runbooks.md")


@runbook.command("remove")
@click.option("--model", default="", help="The one for this model.")
@click.option("--check", default="", help="The one for this check.")
def runbook_remove(model: str, check: str) -> None:
    """Remove a declared runbook; what is declared less closely, or comes with the check, holds again."""
    from app.services.runbooks import remove_runbook

    with database() as engine:
        remove_runbook(engine, model=model, check=check)
    click.echo("the runbook is removed")
