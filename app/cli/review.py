"""`watchkeeper review`: rows that are worth a look, and what a reviewer says about them."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from app.cli.output import as_json, format_option, show
from app.cli.parameters import TIME, author_option
from app.cli.session import database, now

if TYPE_CHECKING:
    from app.services.review_answers import Answer

COLUMNS = ["item", "version", "prediction_id", "event_time", "prediction", "score", "features", "reason"]
_MODEL = click.option("--model", required=True, help="The model.")


@click.group()
def review() -> None:
    """Label what is worth it: a random share that keeps estimates honest, and rows that teach the most."""


@review.command(
    "settings",
    epilog="""\b
Examples:
  watchkeeper review settings --model fraud
  watchkeeper review settings --model fraud --audits-per-day 50
  watchkeeper review settings --model fraud --audits-per-day 0 --no-uncertain --no-novel""",
)
@_MODEL
@click.option("--audits-per-day", type=int, help="Predictions to be drawn at random; 50 at first, 0: none.")
@click.option("--uncertain/--no-uncertain", default=None, help="Rows that the model nearly decided otherwise.")
@click.option("--novel/--no-novel", default=None, help="Rows that the reference has nothing like.")
@author_option
@format_option
def review_settings(model: str, author: str, format_: str, **changes: Any) -> None:
    """Show or change what is put before MODEL's reviewers. Without any setting a model has no queue."""
    from app.services.reviews import review_settings as find_settings
    from app.services.reviews import set_review

    with database() as engine:
        if any(value is not None for value in changes.values()):
            found = set_review(engine, now(), model, author=author, **changes)
        else:
            found = find_settings(engine, now(), model)
    if format_ == "json":
        click.echo(as_json(found))
        return
    names = ("model", "audits_per_day", "uncertain", "novel", "probability", "author", "changed_at")
    show([{name: found.get(name) for name in names}], format_)
    click.echo()
    show([{"kind": kind, **counts} for kind, counts in found["queue"].items()], format_)
    if not (found["audits_per_day"] or found["uncertain"] or found["novel"]):
        click.echo(f"Note: nothing is queued; `review settings --model {model} --audits-per-day 50` begins", err=True)


@review.command(
    "next",
    epilog="""\b
Examples:
  watchkeeper review next --model fraud --kind audit --limit 10
  watchkeeper review next --model fraud --kind uncertain --author ann --json""",
)
@_MODEL
@click.option(
    "--kind",
    type=click.Choice(["audit", "uncertain", "novel"]),
    default="audit",
    show_default=True,
    help="Why rows are reviewed: drawn at random, unsure answers, or unlike the training.",
)
@click.option("--limit", type=click.IntRange(1, 200), default=10, show_default=True, help="So many rows at the most.")
@author_option
@format_option
def review_next(model: str, kind: str, limit: int, author: str, format_: str) -> None:
    """Show the next rows to review. Nobody else gets them for 15 minutes."""
    from app.core.review import Kind
    from app.services.reviews import next_rows

    with database() as engine:
        rows = next_rows(engine, now(), model, Kind(kind), author=author, limit=limit)
    empty = "nothing waits; see `watchkeeper review settings`, and `watchkeeper run` looks at what came since"
    show(rows, format_, columns=COLUMNS, empty=empty)


@review.command(
    "answer",
    epilog="""\b
Examples:
  watchkeeper review answer --model fraud --confirm 17 --confirm 18 --skip 19
  watchkeeper review answer --model fraud --correct 20=1 --correct 21
  watchkeeper review answer --model flights --correct 7=12.5

For a binary model, --correct ITEM means the other class.""",
)
@_MODEL
@click.option("--confirm", type=int, multiple=True, metavar="ITEM", help="The prediction is right.")
@click.option("--correct", multiple=True, metavar="ITEM[=LABEL]", help="The prediction is wrong; LABEL is true.")
@click.option("--skip", type=int, multiple=True, metavar="ITEM", help="It cannot be told.")
@author_option
def review_answer(
    model: str, confirm: tuple[int, ...], correct: tuple[str, ...], skip: tuple[int, ...], author: str
) -> None:
    """Say what is true of rows of the queue: all of it is taken, or none."""
    from app.core.review import Verdict
    from app.services.review_answers import Answer, answer

    answers = [Answer(item, Verdict.CONFIRM) for item in confirm] + [Answer(item, Verdict.SKIP) for item in skip]
    with database() as engine:
        answers += [_corrected(engine, model, text) for text in correct]
        if not answers:
            raise click.UsageError("nothing to say: give --confirm, --correct or --skip")
        corrections = answer(engine, now(), model, answers, author=author)
    click.echo(f"{len(answers)} rows answered, {corrections} corrections stored")


def _corrected(engine: Any, model: str, text: str) -> Answer:
    from app.core.model import Task
    from app.core.review import Verdict
    from app.services.review_answers import Answer
    from app.storage.catalogue import find_model
    from app.storage.engine import read

    item, separator, label = text.partition("=")
    with read(engine) as connection:
        regression = find_model(connection, model).task is Task.REGRESSION
    try:
        value = float(label) if separator and regression else (label if separator else None)
        return Answer(int(item), Verdict.CORRECT, value)
    except ValueError:
        raise click.BadParameter(f"{text!r}: write ITEM=LABEL, such as 17=1", param_hint="--correct") from None


@review.command(
    "decisions",
    epilog="""\b
Examples:
  watchkeeper review decisions --model fraud --by ann
  watchkeeper review decisions --model fraud --until 2026-11-01 --limit 100 --json
  watchkeeper review decisions --model fraud --before 4711""",
)
@_MODEL
@click.option("--by", help="Decided by this reviewer; without one, by anybody.")
@click.option("--until", type=TIME, help="Decided before this time.")
@click.option("--before", type=int, metavar="ITEM", help="Older than the decision about this row: the next page.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=20, show_default=True, help="So many at the most.")
@format_option
def review_decisions(
    model: str, by: str | None, until: datetime | None, before: int | None, limit: int, format_: str
) -> None:
    """Show who decided what, the newest first, without what was taken back."""
    from app.services.read_models.reviews import decisions_page

    with database() as engine:
        found = decisions_page(engine, model, author=by, before=before, until=until, most=limit)
    rows = [{**asdict(one), "kind": one.kind.value, "skipped": one.label is None} for one in found]
    columns = ["item", "at", "author", "kind", "version", "prediction_id", "prediction", "label"]
    show(rows, format_, columns=columns, empty="nothing was decided")
    if len(found) == limit and format_ == "text":
        click.echo(f"older ones: --before {found[-1].item}", err=True)


@review.command(
    "undo",
    epilog="""\b
Examples:
  watchkeeper review undo --model fraud --prediction-id order-17
  watchkeeper review undo --model fraud --prediction-id order-17 --version 3
  watchkeeper review undo --model fraud --item 4711

`watchkeeper review decisions` lists the items.""",
)
@_MODEL
@click.option("--prediction-id", help="The prediction, of which what was said last is taken back.")
@click.option("--version", help="Of this version alone, where several answered under that id.")
@click.option("--item", type=int, help="The row of the queue: what was decided about it, and nothing said since.")
@author_option
@format_option
def review_undo(
    model: str, prediction_id: str | None, version: str | None, item: int | None, author: str, format_: str
) -> None:
    """Take back what the author said last about a prediction, or about one row: it counts as never said."""
    from app.services.reviews import undo

    if prediction_id is None and item is None:
        raise click.UsageError("say which: --prediction-id or --item")
    with database() as engine:
        undone = undo(engine, now(), model, prediction_id, author=author, item=item, version=version)
    if format_ == "json":
        click.echo(as_json({"prediction_id": undone, "item": item, "author": author}))
        return
    what = f"what was decided about row {item}, {undone}," if item is not None else f"the last correction of {undone}"
    click.echo(f"{what} by {author} is withdrawn")
