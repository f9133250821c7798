"""`watchkeeper timeline`: what happened to a model, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

import click

from app.cli.output import format_option, show
from app.cli.parameters import TIME
from app.cli.session import database, now
from app.core.timeline import EventKind

COLUMNS = ["at", "kind", "version", "what", "author", "why"]


@click.command(
    epilog="""\b
Examples:
  watchkeeper timeline --model fraud
  watchkeeper timeline --model fraud --since 2026-11-01 --until 2026-11-08
  watchkeeper timeline --model fraud --kind deployment --kind dependencies --format json"""
)
@click.option("--model", required=True, help="The model.")
@click.option("--since", type=TIME, help="Events at or after this time; without it, of the fortnight before --until.")
@click.option("--until", type=TIME, help="Events before this time; without it, up to now.")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice([kind.value for kind in EventKind]),
    help="Events of this kind alone. May be repeated.",
)
@format_option
def timeline(model: str, since: datetime | None, until: datetime | None, kinds: Sequence[str], format_: str) -> None:
    """Say what changed around a time: deployments, dependencies, references, labels, limits, alerts, retraining."""
    from app.services.read_models.timeline import USUAL_SPAN
    from app.services.read_models.timeline import timeline as events_of

    end = until or now()
    start = since or end - USUAL_SPAN
    with database() as engine:
        rows = [asdict(event) for event in events_of(engine, model, start, end, kinds)]
    span = f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"
    show(rows, format_, columns=COLUMNS, empty=f"nothing happened from {span}; look further back with --since")
