"""`watchkeeper export`, `training-set` and `exclude`: from what was corrected to what a new version is trained on."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli.output import as_json, format_option, show
from app.cli.parameters import TIME, author_option
from app.cli.session import database, now

if TYPE_CHECKING:
    from app.core.training_set import Manifest
    from app.services.training_sets import Exported

SET_COLUMNS = ["hash", "rows", "weight", "versions", "since", "until", "created_at"]
EXCLUSION_COLUMNS = ["id", "since", "until", "predictions", "author", "created_at", "ended_by", "comment"]
_FILE = click.Path(dir_okay=False, path_type=Path)
_MODEL = click.option("--model", required=True, help="The model.")


@click.group()
def export() -> None:
    """Write what is known to files."""


@export.command(
    "training-set",
    epilog="""\b
Examples:
  watchkeeper export training-set --model fraud --since 2026-09-01 --output train.parquet
  watchkeeper export training-set --model fraud --since 2026-09-01 --until 2026-11-01 --version 3 \\
      --file-format csv --output train.csv --manifest train.json
  watchkeeper export training-set --model fraud --since 2026-09-01 --until 2026-11-01 --as-of 1841-3 \\
      --output again.parquet

Then: watchkeeper version add fraud 4 --training-set HASH""",
)
@_MODEL
@click.option("--version", help="Predictions of this version; without one, of all.")
@click.option("--since", type=TIME, required=True, help="Events from this time on.")
@click.option("--until", type=TIME, help="Events before this time; without one, up to now.")
@click.option("--file-format", type=click.Choice(["parquet", "csv"]), help="By default by the name of the file.")
@click.option("--output", type=_FILE, required=True, help="The file to write. It is there as a whole or not at all.")
@click.option("--manifest", "manifest_file", type=_FILE, help="Write the manifest to this file, too.")
@click.option("--as-of", help="The as_of of a manifest: the very same rows as then.")
@format_option
def training_set_export(
    model: str,
    version: str | None,
    since: datetime,
    until: datetime | None,
    file_format: str | None,
    output: Path,
    manifest_file: Path | None,
    as_of: str | None,
    format_: str,
) -> None:
    """Write the labelled predictions of MODEL as a training set, with the weight of each row."""
    from app.core.training_set import AsOf
    from app.services.training_files import Format, replacing
    from app.services.training_sets import Query, export_training_set

    chosen = Format(file_format or ("csv" if output.suffix == ".csv" else "parquet"))
    present = now()
    query = Query(model, since, until or present, version, AsOf.parse(as_of) if as_of else None)
    with database() as engine:
        exported = export_training_set(engine, present, query, output, chosen)
    document = as_json(_document(exported))
    if manifest_file is not None:
        with replacing(manifest_file) as partial:
            partial.write_text(document + "\n")
    click.echo(document if format_ == "json" else _summary(exported, output))


def _document(exported: Exported) -> dict[str, Any]:
    import msgspec

    file = {"format": exported.format, "bytes": exported.bytes, "sha256": exported.file_sha256}
    return {**msgspec.to_builtins(exported.manifest), "file": file}


def _summary(exported: Exported, output: Path) -> str:
    manifest = exported.manifest
    sources = ", ".join(f"{count} {source}" for source, count in manifest.rows_by_source.items())
    left_out = ", ".join(f"{count} {reason}" for reason, count in manifest.left_out.items() if count)
    lines = [
        f"{output}: {manifest.rows} rows ({sources}) that stand for {manifest.weight:.0f} predictions",
        f"hash   {manifest.content_sha256}",
        f"as of  {manifest.as_of} (with --as-of, the very same rows come again)",
    ]
    lines += [f"left out: {left_out}"] if left_out else []
    lines += [f"unreadable, and missing in the set: {name}: {n}" for name, n in manifest.unreadable.items()]
    return "\n".join(lines)


@click.group("training-set")
def training_set() -> None:
    """Say what training sets were made of."""


@training_set.command("list")
@_MODEL
@format_option
def training_set_list(model: str, format_: str) -> None:
    """List MODEL's training sets, the newest first."""
    from app.services.training_sets import list_manifests

    with database() as engine:
        rows = [_row(manifest) for manifest in list_manifests(engine, model)]
    show(rows, format_, columns=SET_COLUMNS, empty="none yet; make one with `watchkeeper export training-set`")


@training_set.command("show", epilog="\b\nExample:\n  watchkeeper training-set show 5f0c...")
@click.argument("content", metavar="HASH")
def training_set_show(content: str) -> None:
    """Print the manifest of the training set with that HASH, as JSON."""
    import msgspec

    from app.services.training_sets import find_manifest

    with database() as engine:
        click.echo(as_json(msgspec.to_builtins(find_manifest(engine, content))))


def _row(manifest: Manifest) -> dict[str, Any]:
    import msgspec

    times = {name: getattr(manifest, name) for name in ("since", "until", "created_at")}
    return {"hash": manifest.content_sha256, **msgspec.to_builtins(manifest), **times}


@click.group()
def exclude() -> None:
    """Keep rows out of training sets."""


@exclude.command(
    "add",
    epilog="""\b
Examples:
  watchkeeper exclude add --model fraud --since 2026-11-03T10:00:00Z --until 2026-11-03T16:00:00Z \\
      --comment "the feed of exchange rates was down"
  watchkeeper exclude add --model fraud --id order-17 --id order-23 --comment "test orders\"""",
)
@_MODEL
@click.option("--since", type=TIME, help="Events from this time on.")
@click.option("--until", type=TIME, help="Events before this time.")
@click.option("--id", "prediction_ids", multiple=True, help="This prediction. May be given several times.")
@click.option("--comment", required=True, help="Why.")
@author_option
def exclude_add(model: str, **given: Any) -> None:
    """Keep predictions out of training sets from now on: those of a time span, or those named."""
    from app.services.exclusions import exclude as keep_out

    with database() as engine:
        added = keep_out(engine, now(), model, **given)
    click.echo(f"exclusion {added['id']} of {model} holds for training sets from now on")


@exclude.command("list")
@_MODEL
@click.option("--all", "ended", is_flag=True, help="Those that hold no longer, too.")
@format_option
def exclude_list(model: str, ended: bool, format_: str) -> None:
    """List what is kept out of MODEL's training sets."""
    from app.services.exclusions import list_exclusions

    with database() as engine:
        rows = list_exclusions(engine, model, ended=ended)
    if format_ == "text":
        rows = [{**row, "predictions": len(row["prediction_ids"]) or "all"} for row in rows]
    show(rows, format_, columns=EXCLUSION_COLUMNS, empty="nothing is kept out; see `watchkeeper exclude add --help`")


@exclude.command("end")
@click.argument("number", type=int)
@_MODEL
@author_option
def exclude_end(number: int, model: str, author: str) -> None:
    """Let exclusion NUMBER hold no longer. Sets that were made under it can still be made again as they were."""
    from app.services.exclusions import end_exclusion

    with database() as engine:
        end_exclusion(engine, now(), model, number, author=author)
    click.echo(f"exclusion {number} of {model} holds no longer")
