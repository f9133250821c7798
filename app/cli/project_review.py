"""`watchkeeper project-review`: a document for managers and reviewers."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import click

from app.cli.parameters import TIME
from app.cli.session import database, now

USUAL_SPAN = timedelta(days=90)


@click.command(
    "project-review",
    epilog="""\b
Examples:
  watchkeeper project-review --out review.html
  watchkeeper project-review --model fraud --since 2026-07-01 --until 2026-10-01 --out fraud-q3.html

One page of HTML without scripts, made to be printed: a browser's print dialogue makes a PDF of it.""",
)
@click.option("--model", "models", multiple=True, help="A model; without one, all of them. May be repeated.")
@click.option("--since", type=TIME, help="Beginning of the time that is reviewed; without one, 90 days before its end.")
@click.option("--until", type=TIME, help="Its end; without one, now.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Where to write it; without one, standard output."
)
def project_review(models: tuple[str, ...], since: datetime | None, until: datetime | None, out: Path | None) -> None:
    """Write a review: goals, quality over time, incidents, decisions, scorecard and history."""
    from app.services.project_review import project_review_page

    end = until or now()
    with database() as engine:
        page = project_review_page(engine, now(), since=since or end - USUAL_SPAN, until=end, models=models)
    if out is None:
        click.echo(page)
    else:
        out.write_text(page)
        click.echo(f"the review is in {out}", err=True)
