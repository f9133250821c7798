"""`watchkeeper measurements`: what was found."""

from __future__ import annotations

from datetime import datetime

import click

from app.cli.output import format_option, show
from app.cli.parameters import TIME
from app.cli.session import database
from app.core.model import Outcome

NONE_YET = "no measurement yet: a window is judged once it has closed (in UTC), by the worker or `watchkeeper run`"
NONE_SUCH = "no measurement that all of these options fit"
MEASUREMENT_COLUMNS = ["version", "check", "subject", "segment", "window_start", "value", "limit", "outcome", "reason"]


@click.command(
    epilog="""\b
Examples:
  watchkeeper measurements --model fraud
  watchkeeper measurements --model fraud --check training_serving_skew --outcome breach --since 2026-11-01
  watchkeeper measurements --model fraud --format json | jq '.[] | select(.outcome == "breach")'""",
)
@click.option("--model", required=True, help="The model.")
@click.option("--version", help="Only this version.")
@click.option("--check", help="Only this check.")
@click.option("--subject", help="Only this feature or quality measure.")
@click.option("--since", type=TIME, help="Windows that start at or after this time.")
@click.option("--until", type=TIME, help="Windows that start before this time.")
@click.option("--outcome", type=click.Choice([o.value for o in Outcome]), help="Only this verdict.")
@click.option("--limit", type=click.IntRange(1), default=10_000, show_default=True, help="Rows at the most.")
@format_option
def measurements(
    model: str,
    version: str | None,
    check: str | None,
    subject: str | None,
    since: datetime | None,
    until: datetime | None,
    outcome: str | None,
    limit: int,
    format_: str,
) -> None:
    """Print what the checks measured, oldest window first."""
    from app.services.read_models import measurements as stored

    with database() as engine:
        rows = stored(
            engine,
            model=model,
            version=version,
            check=check,
            subject=subject,
            since=since,
            until=until,
            outcome=outcome,
            limit=limit,
        )
    narrowed = any((version, check, subject, since, until, outcome))
    show(rows, format_, columns=MEASUREMENT_COLUMNS, empty=NONE_SUCH if narrowed else NONE_YET)
    if len(rows) == limit:
        click.echo(f"The first {limit} rows; narrow with --since and --check, or raise --limit.", err=True)
