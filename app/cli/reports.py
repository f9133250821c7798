"""`watchkeeper report`: Evidently's view of a range of windows, beside the reference."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from app.cli.output import format_option, show
from app.cli.parameters import TIME
from app.cli.session import database, now
from app.core.reports import ReportKind

COLUMNS = ["id", "model", "version", "kind", "since", "until", "state", "requested_at", "error"]


@click.group()
def report() -> None:
    """Ask for Evidently reports, and get them."""


@report.command(
    "create",
    epilog="""\b
Examples:
  watchkeeper report create --model fraud --since 2026-11-01 --until 2026-11-08
  watchkeeper report create --model fraud --since 2026-11-01 --until 2026-11-08 --kind quality

The worker makes it in its next round, `watchkeeper run` at once. It rests on a random sample of at most
10,000 rows of either side, which its page and its JSON say.""",
)
@click.option("--model", required=True, help="The model.")
@click.option("--version", help="Its version; without one, the live one, or where it has no data the newest with any.")
@click.option("--since", type=TIME, required=True, help="Predictions of this time or later.")
@click.option("--until", type=TIME, required=True, help="Predictions before this time.")
@click.option(
    "--kind",
    type=click.Choice([kind.value for kind in ReportKind]),
    default=ReportKind.DRIFT.value,
    show_default=True,
    help="quality is a classification or regression report; it needs labels on both sides.",
)
@format_option
def create(model: str, version: str | None, since: datetime, until: datetime, kind: str, format_: str) -> None:
    """Ask for a report on MODEL's predictions of a span of time against its reference."""
    from app.services.reports import request_report

    with database() as engine:
        asked = request_report(engine, now(), model, version=version, since=since, until=until, kind=kind)
    show([asked], format_, columns=COLUMNS[:-1])


@report.command("list")
@click.option("--model", help="Only this model's.")
@format_option
def list_(model: str | None, format_: str) -> None:
    """List the reports, the newest first."""
    from app.services.reports import list_reports

    with database() as engine:
        rows = list_reports(engine, model)
    show(rows, format_, columns=COLUMNS, empty="no report; see `watchkeeper report create --help`")


@report.command("show", epilog="\b\nExample:\n  watchkeeper report show 7 --format html --out report.html")
@click.argument("id_", metavar="ID", type=click.IntRange(1))
@click.option(
    "--format",
    "format_",
    type=click.Choice(["html", "json"]),
    default="json",
    show_default=True,
    help="The page, or its figures.",
)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Where to write it; without one, standard output."
)
def show_(id_: int, format_: str, out: Path | None) -> None:
    """Print report ID, or write it to a file."""
    from app.services.reports import report_contents

    with database() as engine:
        contents = report_contents(engine, id_)
    text = contents.html if format_ == "html" else contents.json
    if out is None:
        click.echo(text)
    else:
        out.write_text(text)
        click.echo(f"report {id_} is in {out}", err=True)
