"""`watchkeeper import`: files straight into the database, no server needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from app.cli.output import format_option, show
from app.cli.session import database, now
from app.core.model import Source

if TYPE_CHECKING:
    from app.services.imports import Differences, ImportSummary, Preview, Progress
    from collectors.tabular import ColumnMapping

_Command = TypeVar("_Command", bound=Callable[..., Any])

MOST_NAMED = 10
"""Columns that a note names; as JSON all of them come."""

FILE = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


def _shared(command: _Command) -> _Command:
    """What all three imports take."""
    options = [
        click.option("--model", "model_name", required=True, help="The model the rows belong to."),
        click.option(
            "--file-format",
            type=click.Choice(["csv", "parquet", "ndjson"]),
            help="Format of the file; by default its ending says it.",
        ),
        click.option("--timezone", help="Zone of timestamps that carry none, such as Europe/Berlin."),
        format_option,
    ]
    for option in reversed(options):
        command = option(command)
    return command


def column_options(command: _Command) -> _Command:
    """The columns of predictions and references."""
    named = {
        "id": "Column of the prediction's id; without one, ids are derived from the rows.",
        "timestamp": "Column of the event time.",
        "prediction": "Column of the predicted class or value.",
        "score": "Column of the score: P(positive), or the top class's probability.",
        "label": "Column of the truth.",
        "latency": "Column of the latency in milliseconds.",
        "request-id": "Column that pairs versions which answered one request.",
    }
    for name, help_ in reversed(named.items()):
        command = click.option(f"--{name}-column", metavar="COLUMN", help=help_)(command)
    command = click.option(
        "--text-column",
        multiple=True,
        metavar="COLUMN",
        help="Feature that holds free text, where it does not look like it. May be given several times.",
    )(command)
    command = click.option(
        "--attribute-column",
        multiple=True,
        metavar="COLUMN",
        help="Column that is no feature, and says which segments a row is in. May be given several times.",
    )(command)
    return click.option(
        "--exclude", multiple=True, metavar="COLUMN", help="Column that is no feature. May be given several times."
    )(command)


@click.group("import")
def import_() -> None:
    """Read references, predictions and corrections from CSV, Parquet or NDJSON files (also .gz), and profiles."""


@import_.command(
    "reference",
    epilog="""\b
Example:
  watchkeeper import reference train.parquet --model fraud --version 1 --timestamp-column at \\
      --score-column score --label-column is_fraud --exclude customer_id --out-of-sample

The scores should be out of sample (held out, or out of fold): on rows that the model was trained on they
are overconfident, and production looks drifted from its first day.""",
)
@FILE
@click.option("--version", "version_name", required=True, help="The version the rows are the reference of.")
@click.option("--out-of-sample/--in-sample", default=None, help="Were the scores made on rows the model had not seen?")
@_shared
@column_options
def reference(
    file: Path,
    model_name: str,
    version_name: str,
    out_of_sample: bool | None,
    file_format: str | None,
    timezone: str | None,
    format_: str,
    **columns: Any,
) -> None:
    """Make FILE the reference of a version: training or validation rows with features, score and label."""
    from app.services.catalogue import find
    from app.services.references import store_reference

    with database() as engine, progress_bar(f"Reading {file.name}", format_) as report:
        model, version = find(engine, model_name, version_name)
        summary = store_reference(
            engine,
            model,
            version,
            file,
            mapping_of(columns),
            now=now(),
            format=file_format,
            timezone=timezone,
            out_of_sample=out_of_sample,
            progress=report,
        )
    row = {name: value for name, value in asdict(summary).items() if name not in ("warnings", "errors")}
    if format_ == "json":
        row |= {"warnings": summary.warnings, "errors": [str(error) for error in summary.errors]}
    show([row], format_)
    say_rejected(summary.errors, summary.rejected)
    for warning in summary.warnings:
        click.echo(f"Note: {warning}", err=True)
    served = f"--model {model_name} --version {version_name} ..."
    click.echo(f"Next: send predictions (docs/client.md), or watchkeeper import predictions FILE {served}", err=True)


@import_.command(
    "predictions",
    epilog="""\b
Examples:
  watchkeeper import predictions monday.csv --model fraud --version 1 --id-column id --timestamp-column at \\
      --prediction-column decision --score-column score --latency-column ms --exclude customer_id
  watchkeeper import predictions monday.csv --model fraud --version 1 --timestamp-column at \\
      --score-column score --dry-run

Every column that is not named is a feature. What the reference lacks or has beside
them is said. Running the same import again adds nothing; an interrupted one goes on.""",
)
@FILE
@click.option("--version", "version_name", required=True, help="The version that made the predictions.")
@click.option("--dry-run", is_flag=True, help="Store nothing; show the first records and every error by line.")
@_shared
@column_options
def predictions(
    file: Path,
    model_name: str,
    version_name: str,
    dry_run: bool,
    file_format: str | None,
    timezone: str | None,
    format_: str,
    **columns: Any,
) -> None:
    """Store the rows of FILE as predictions, and its labels, where it has any, as ground truth."""
    from app.services import imports
    from app.services.catalogue import find

    mapping = mapping_of(columns)
    options: dict[str, Any] = {"format": file_format, "timezone": timezone}
    with database() as engine:
        model, version = find(engine, model_name, version_name)
        if dry_run:
            source = imports.open_predictions(engine, model, version, file, mapping, **options)
            _preview(imports.preview(engine, source, now=now()), format_)
            return
        with progress_bar(f"Importing {file.name}", format_) as report:
            summary = imports.import_predictions(
                engine, model, version, file, mapping, now=now(), progress=report, **options
            )
    _summary(summary, format_, model_name)


@import_.command(
    "corrections",
    epilog="""\b
Examples:
  watchkeeper import corrections labels.csv --model fraud --id-column id --label-column is_fraud
  watchkeeper import corrections reviews.csv --model fraud --version 1 --id-column id --label-column verdict \\
      --timestamp-column at --author-column reviewer --source user""",
)
@FILE
@click.option("--version", "version_name", help="Only for this version; by default for every version with the id.")
@click.option("--id-column", required=True, metavar="COLUMN", help="Column of the prediction's id.")
@click.option("--label-column", required=True, metavar="COLUMN", help="Column of the true class or value.")
@click.option(
    "--timestamp-column",
    metavar="COLUMN",
    help="Column of the time it was said; by default when the file was last changed.",
)
@click.option("--author-column", metavar="COLUMN", help="Column of who said it.")
@click.option("--source-column", metavar="COLUMN", help="Column of the source.")
@click.option(
    "--source",
    type=click.Choice([s.value for s in Source]),
    default=Source.GROUND_TRUTH.value,
    show_default=True,
    help="The source, without a column for it.",
)
@click.option("--dry-run", is_flag=True, help="Store nothing; show the first records and every error by line.")
@_shared
def corrections(
    file: Path,
    model_name: str,
    version_name: str | None,
    id_column: str,
    label_column: str,
    timestamp_column: str | None,
    author_column: str | None,
    source_column: str | None,
    source: str,
    dry_run: bool,
    file_format: str | None,
    timezone: str | None,
    format_: str,
) -> None:
    """Store the rows of FILE as corrections: what turned out to be true."""
    from app.services import imports
    from app.storage.catalogue import find_model, find_version
    from app.storage.engine import read
    from collectors.tabular import CorrectionMapping

    mapping = CorrectionMapping(id_column, label_column, timestamp_column, source_column, author_column, Source(source))
    options: dict[str, Any] = {"format": file_format, "timezone": timezone}
    with database() as engine:
        with read(engine) as connection:
            model = find_model(connection, model_name)
            version = find_version(connection, model.id, version_name) if version_name else None
        if dry_run:
            opened = imports.open_corrections(model, version, file, mapping, **options)
            _preview(imports.preview(engine, opened, now=now()), format_)
            return
        with progress_bar(f"Importing {file.name}", format_) as report:
            summary = imports.import_corrections(
                engine, model, version, file, mapping, now=now(), progress=report, **options
            )
    _summary(summary, format_, model_name)


@import_.command(
    "features",
    epilog="""\b
Example:
  watchkeeper import features recomputed.parquet --model fraud --version 1 --id-column id --exclude customer_id

Every column that is not named is a feature; those that the file does not have are not compared.""",
)
@FILE
@click.option("--version", "version_name", required=True, help="The version that made the predictions.")
@click.option("--id-column", required=True, metavar="COLUMN", help="Column of the prediction's id.")
@click.option(
    "--exclude", multiple=True, metavar="COLUMN", help="Column that is no feature. May be given several times."
)
@click.option("--dry-run", is_flag=True, help="Store nothing; show the first records and every error by line.")
@_shared
def features(
    file: Path,
    model_name: str,
    version_name: str,
    id_column: str,
    exclude: tuple[str, ...],
    dry_run: bool,
    file_format: str | None,
    timezone: str | None,
    format_: str,
) -> None:
    """Store the rows of FILE as what the offline pipeline computes for predictions, to compare with what was served."""
    from app.services import imports
    from app.services.catalogue import find
    from collectors.tabular import ColumnMapping

    if timezone is not None:
        raise click.UsageError("--timezone: offline features have no timestamps")
    mapping = ColumnMapping(id=id_column, exclude=exclude)
    with database() as engine:
        model, version = find(engine, model_name, version_name)
        if dry_run:
            opened = imports.open_offline_features(engine, model, version, file, mapping, format=file_format)
            _preview(imports.preview(engine, opened, now=now()), format_)
            return
        with progress_bar(f"Importing {file.name}", format_) as report:
            summary = imports.import_offline_features(
                engine, model, version, file, mapping, now=now(), format=file_format, progress=report
            )
    _summary(summary, format_, model_name)


@import_.command(
    "profile",
    epilog="""\b
Example:
  watchkeeper profile today.csv --timestamp-column at --like layout.json --out today.wkp
  watchkeeper import profile today.wkp --model fraud --version 3""",
)
@FILE
@click.option("--model", "model_name", required=True, help="The model the profile is of.")
@click.option("--version", "version_name", required=True, help="The version that made the predictions.")
@format_option
def profile(file: Path, model_name: str, version_name: str, format_: str) -> None:
    """Add a profile file (.wkp) to a version in place of its rows. Adding it again changes nothing."""
    from app.services.uploads import store_upload

    with database() as engine:
        summary = store_upload(engine, model_name, version_name, file.read_bytes(), now())
    show([asdict(summary)], format_)
    if summary.duplicate:
        click.echo("This profile had been added before: nothing was changed.", err=True)
    else:
        click.echo(f"Next: watchkeeper run && watchkeeper measurements --model {model_name}", err=True)


def mapping_of(columns: dict[str, Any]) -> ColumnMapping:
    """What `column_options` were given."""
    from collectors.tabular import ColumnMapping

    exclude, texts, attributes = (columns.pop(name) for name in ("exclude", "text_column", "attribute_column"))
    named = {name.removesuffix("_column"): column for name, column in columns.items()}
    return ColumnMapping(**named, exclude=exclude, texts=texts, attributes=attributes)


@contextmanager
def progress_bar(title: str, format_: str) -> Iterator[Callable[[Progress], None]]:
    """A progress bar on standard error; nothing where nobody watches."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[rows]:,} rows"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), disable=format_ == "json") as bar:
        task = bar.add_task(title, total=1.0, rows=0)
        yield lambda at: bar.update(task, completed=at.share, rows=at.rows)


def _summary(summary: ImportSummary, format_: str, model: str) -> None:
    row = {name: value for name, value in asdict(summary).items() if name not in ("differences", "errors")}
    if format_ == "json":
        row |= {**_differences(summary.differences), "errors": [str(error) for error in summary.errors]}
    elif not summary.labels:
        del row["labels"]
    show([row], format_)
    say_rejected(summary.errors, summary.rejected)
    _say_differences(summary.differences)
    if summary.read and summary.rejected == summary.read:
        raise click.ClickException(f"all {summary.read} rows were rejected; nothing was stored")
    if summary.was_complete:
        click.echo("This file had been imported before: nothing was added.", err=True)
    else:
        click.echo(f"Next: watchkeeper run && watchkeeper measurements --model {model}", err=True)


def say_rejected(errors: list[Any], rejected: int) -> None:
    """The first errors on standard error, and how many rows were rejected beside them."""
    for error in errors:
        click.echo(f"Rejected: {error}", err=True)
    if rejected > len(errors):
        click.echo(f"... and {rejected - len(errors)} more rows", err=True)


def _differences(found: Differences | None) -> dict[str, list[str] | None]:
    """For JSON: all names; null where there is nothing to compare with."""
    return {
        "features_not_in_reference": list(found.unknown) if found else None,
        "features_only_in_reference": list(found.lacking) if found else None,
    }


def _say_differences(found: Differences | None) -> None:
    if found and found.unknown:
        told = "Note: features that the reference lacks, so no check looks at their values (--exclude leaves them out)"
        click.echo(f"{told}: {_some(found.unknown)}", err=True)
    if found and found.lacking:
        click.echo(
            f"Note: features of the reference that the file lacks, so they are missing in each of its rows: "
            f"{_some(found.lacking)}",
            err=True,
        )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def _preview(preview: Preview, format_: str) -> None:
    import msgspec

    rows = [msgspec.to_builtins(record) for record in preview.records]
    if format_ == "json":
        counts = {"records": rows, "rejected": preview.rejected, **_differences(preview.differences)}
        show([counts | {"errors": [str(error) for error in preview.errors]}], format_)
        return
    for row in rows:
        click.echo("\n".join(f"{name:16} {value}" for name, value in row.items() if value is not None) + "\n")
    click.echo(f"{preview.read} rows read, {preview.rejected} would be rejected; nothing was stored")
    say_rejected(list(preview.errors), preview.rejected)
    _say_differences(preview.differences)
