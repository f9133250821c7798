"""`watchkeeper predictions`: stored predictions, searched by what is known of them."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import click

from app.cli.output import as_json, show, text
from app.cli.parameters import TIME
from app.cli.session import database
from app.core.feature_condition import parse
from app.core.prediction_filter import Labelled, PredictionFilter, Verdict

COLUMNS = ["event_time", "prediction_id", "version", "prediction", "score", "label", "label_source", "corrected"]


@click.group()
def predictions() -> None:
    """Search stored predictions."""


@predictions.command(
    "list",
    epilog="""\b
Examples:
  watchkeeper predictions list --model fraud --verdict wrong --since 2026-11-01
  watchkeeper predictions list --model fraud --id 'order-17*' --json
  watchkeeper predictions list --model fraud --feature 'amount > 1000' --feature 'country = FI' --limit 5000 --csv

A feature is compared by NAME = VALUE, NAME > NUMBER, NAME < NUMBER, NAME between NUMBER and NUMBER, or
NAME is missing; a name with spaces is written in double quotes.""",
)
@click.option("--model", required=True, help="The model.")
@click.option("--version", "versions", multiple=True, help="Of this version alone. May be repeated.")
@click.option("--since", type=TIME, help="Events from this time on.")
@click.option("--until", type=TIME, help="Events before this time.")
@click.option("--before", default="", metavar="CURSOR", help="Where an earlier search stopped, as its note said.")
@click.option("--id", "prediction_id", default="", help="The prediction id, or its beginning and *.")
@click.option("--request", "request_id", default="", help="The request id.")
@click.option("--predicted", default="", help="The predicted class.")
@click.option("--score-from", type=float, help="The score, or a regression's value, at least.")
@click.option("--score-to", type=float, help="The same at most.")
@click.option("--verdict", type=click.Choice([one.value for one in Verdict]), help="What the label says.")
@click.option("--labelled", type=click.Choice([one.value for one in Labelled]), help="By whom, any or none.")
@click.option("--corrected/--not-corrected", default=None, help="Whether a user corrected it.")
@click.option("--segment", default="", help="ATTRIBUTE=VALUE.")
@click.option("--feature", "features", multiple=True, help="A condition on a feature. May be repeated.")
@click.option("--limit", type=click.IntRange(1, 50_000), default=50, show_default=True, help="So many at the most.")
@click.option("--json", "format_", flag_value="json", help="As JSON.")
@click.option("--csv", "format_", flag_value="csv", help="As CSV that spreadsheets take no formula from.")
def predictions_list(
    model: str,
    versions: Sequence[str],
    since: datetime | None,
    until: datetime | None,
    before: str,
    verdict: str | None,
    labelled: str | None,
    features: Sequence[str],
    limit: int,
    format_: str | None,
    **given: Any,
) -> None:
    """Show predictions, the newest first. A search looks at 200,000 at most, and says so when that was not enough."""
    from app.services.explorer import Search

    wanted = PredictionFilter(
        verdict=Verdict(verdict) if verdict else None,
        labelled=Labelled(labelled) if labelled else None,
        features=tuple(map(parse, features)),
        **given,
    )
    search = Search(model, tuple(versions), since, until, wanted)
    with database() as engine:
        rows = _rows(engine, search, limit, before)
        if format_ == "csv":
            _write_csv(rows)
        elif format_ == "json":
            click.echo(as_json(list(rows)))
        else:
            show(list(rows), "text", columns=COLUMNS, empty="no prediction fits")


def _rows(engine: Any, search: Any, limit: int, before: str | None) -> Iterator[dict[str, Any]]:
    """Up to `limit` rows; where the search met its bounds before, that is said."""
    from app.services.explorer import MOST_ROWS, find, portable

    while limit:
        page = find(engine, search, limit=min(limit, MOST_ROWS), before=before or None)
        yield from portable(page)
        limit, before = limit - len(page.rows), page.older
        if page.stopped_at is not None and limit:
            looked = f"looked at {page.looked:,} predictions, back to {text(page.stopped_at)}"
            note = f"Note: {looked}; look further back with --before {page.older}"
            click.echo(note, err=True)
            return
        if before is None:
            return


def _write_csv(rows: Iterator[Mapping[str, Any]]) -> None:
    from app.services.prediction_files import safe

    writer = None
    for row in rows:
        cells = {name: json.dumps(cell) if isinstance(cell, dict) else cell for name, cell in row.items()}
        if writer is None:
            writer = csv.DictWriter(sys.stdout, list(cells), lineterminator="\n")
            writer.writeheader()
        writer.writerow({name: safe(cell) for name, cell in cells.items()})
