"""`watchkeeper labels`: how many labels come, and how late."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from app.cli.output import as_json, format_option, show
from app.cli.session import database, now

if TYPE_CHECKING:
    from app.services.read_models.labels import ModelLabels

COLUMNS = ["window_start", "predictions", "labelled", "coverage", "state"]


@click.command(
    epilog="""\b
Examples:
  watchkeeper labels --model fraud
  watchkeeper labels --model fraud --format json"""
)
@click.option("--model", required=True, help="The model.")
@click.option("--version", help="Its version; without one, the live one, or where it has no data the newest with any.")
@format_option
def labels(model: str, version: str | None, format_: str) -> None:
    """Show how late MODEL's labels come, beside its declared label delay, and the labelled share of each window."""
    from app.services.read_models.labels import model_labels

    with database() as engine:
        found = model_labels(engine, model, version, now())
    if format_ == "json":
        click.echo(as_json(found.as_dict()))
        return
    click.echo("\n".join(_summary(found)) + "\n")
    rows = [window.as_dict() for window in found.windows]
    show(rows, format_, columns=COLUMNS, empty="no prediction has been counted yet: send some, then `watchkeeper run`")


def _summary(found: ModelLabels) -> list[str]:
    from app.core.label_delay import duration

    lines = [
        f"{found.model.name} {found.version.name}",
        f"declared label delay  {duration(found.model.label_delay)}: {found.verdict}",
    ]
    if found.curve is not None:
        measured = ", ".join(f"{share:.0%} within {duration(time)}" for share, time in found.quantiles.items())
        lines.append(
            f"measured              {measured} ({found.curve.labels} labels of {found.curve.windows} windows; "
            f"delays up to {duration(found.curve.observed)} could be seen)"
        )
    return lines
