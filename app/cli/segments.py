"""`watchkeeper segments`: where a model is worse than on the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from app.cli.output import as_json, format_option, show, text
from app.cli.session import database

if TYPE_CHECKING:
    from app.services.read_models.segments import ModelSegments

COLUMNS = ["rank", "segment", "rows", "share", "outcome", "breaches", "excess", "check", "subject"]
COLUMNS += ["quality", "quality_gap"]


@click.command(
    epilog="""\b
Examples:
  watchkeeper segments --model churn
  watchkeeper segments --model churn --format json"""
)
@click.option("--model", required=True, help="The model.")
@click.option("--version", help="Its version; without one, the live one, or where it has no data the newest with any.")
@format_option
def segments(model: str, version: str | None, format_: str) -> None:
    """Rank the segments of MODEL: furthest beyond their own limits first, then worst in quality beside the whole."""
    from app.services.read_models.segments import model_segments

    with database() as engine:
        found = model_segments(engine, model, version)
    if format_ == "json":
        click.echo(as_json(found.as_dict()))
        return
    if not found.attributes:
        click.echo(f"no segments are declared: watchkeeper model segment-by {model} ATTRIBUTE ...")
        return
    show(found.rows(), format_, columns=COLUMNS, empty=_nothing(found))
    for one in found.attributes:
        if said := one.overflow():
            click.echo(f"Note: {said}", err=True)


def _nothing(found: ModelSegments) -> str:
    """Why there is no segment, and what to do."""
    later = [one.since for one in found.attributes if one.since is not None]
    if found.until is None or not later:
        return "nothing has been judged by segments yet: send predictions, then `watchkeeper run`"
    return (
        f"nothing has been judged by segments yet: they are counted from the window of {text(max(later))} on; "
        f"`watchkeeper rebuild --model {found.model}` counts earlier rows too"
    )
