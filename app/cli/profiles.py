"""`watchkeeper profile` and `watchkeeper compare`: files judged where they lie, without a server or a database."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from app.cli.files import column_options, mapping_of, progress_bar, say_rejected
from app.cli.gate import no_answer_is_no_breach
from app.cli.output import as_json, format_option, show
from app.cli.session import database, now
from app.core.model import Model, Outcome, Task, Version, WindowLength

if TYPE_CHECKING:
    from app.core.comparison import Comparison
    from app.core.layout import Layout
    from app.core.portable import PortableProfile
    from app.services.profiling import Profiled, Reading

_Command = TypeVar("_Command", bound=Callable[..., Any])

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_ALL = "all"


def _file_options(command: _Command) -> _Command:
    """How data files are read and, where no layout is given, what their rows are predictions of."""
    options = [
        click.option(
            "--by",
            type=click.Choice([*map(str, WindowLength), _ALL]),
            help="One profile per day or hour, or one of all rows; by default days where there is a timestamp column.",
        ),
        click.option(
            "--task",
            type=click.Choice(list(map(str, Task))),
            default=Task.BINARY.value,
            show_default=True,
            help="What the rows' predictions are, where no layout says it.",
        ),
        click.option("--positive-label", default="1", show_default=True, help="Binary: the positive class."),
        click.option("--threshold", default=0.5, show_default=True, help="Binary: scores from here are positive."),
        click.option("--confident", default=0.9, show_default=True, help="Probability from which a model is sure."),
        column_options,
        click.option("--file-format", type=click.Choice(["csv", "parquet", "ndjson"]), help="By default by its name."),
        click.option("--timezone", help="Zone of timestamps that carry none, such as Europe/Berlin."),
        format_option,
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command(
    epilog="""\b
Examples:
  watchkeeper profile train.parquet --timestamp-column at --score-column score --label-column is_fraud --out ref.wkp
  watchkeeper profile monday.csv tuesday.csv --timestamp-column at --score-column score --like ref.wkp --out week.wkp
  watchkeeper profile today.csv --timestamp-column at --model fraud --version 3 --out today.wkp
  watchkeeper profile --merge monday.wkp tuesday.wkp --out week.wkp

Every column that is not named is a feature. Profiles can be compared and merged when they have the same layout."""
)
@click.argument("files", nargs=-1, required=True, type=_FILE)
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The file to write (.wkp).")
@click.option("--merge", is_flag=True, help="The files are profiles; write them as one.")
@click.option("--like", type=_FILE, help="Count by the layout of this profile, or of this JSON file of a layout.")
@click.option("--model", "model_name", help="Count by the reference of this model's version, from the database.")
@click.option("--version", "version_name", help="The version.")
@_file_options
def profile(
    files: tuple[Path, ...],
    out: Path,
    merge: bool,
    like: Path | None,
    model_name: str | None,
    version_name: str | None,
    format_: str,
    **options: Any,
) -> None:
    """Count the rows of data files into one small profile file, in constant memory."""
    if merge:
        _write_merged(files, out, format_)
        return
    if (model_name is None) is not (version_name is None) or (like and model_name):
        raise click.UsageError("give --like, or --model together with --version, or none of them")
    from app.services.profiling import read_layout

    layout = read_layout(like) if like else None
    if model_name and version_name:
        layout = _stored_layout(model_name, version_name)
    by, reading, learn_for = _read_options(options)
    profiled = _profiled(files, reading, by, layout, learn_for, format_)
    _write(profiled.profiles, out)
    _tell(profiled, format_)


@click.command(
    epilog="""\b
Examples:
  watchkeeper compare ref.wkp week.wkp
  watchkeeper compare train.parquet monday.csv --timestamp-column at --score-column score --format json

Limits are learnt from REF's days or hours, of which 30 are needed. All of CUR is judged once: a served model is
in breach when it is beyond a limit in two of three windows, so one comparison errs more often.

Exit codes: 0 every feature that could be judged is within its limits, 1 one is beyond, 2 it cannot tell."""
)
@click.argument("ref", type=_FILE)
@click.argument("cur", type=_FILE)
@_file_options
def compare(ref: Path, cur: Path, format_: str, **options: Any) -> None:
    """Say how far each feature of CUR is from REF; each is a profile or a data file."""
    from app.core.comparison import compare as compare_profiles

    with no_answer_is_no_breach():
        by, reading, learn_for = _read_options(options)
        reference = _load(ref, reading, by, None, learn_for, format_)
        current = _load(cur, reading, by, reference.layout, learn_for, format_)
        comparison = compare_profiles(reference, current)
    _print(comparison, format_)
    sys.exit(comparison.verdict.exit_code)


def _read_options(options: dict[str, Any]) -> tuple[WindowLength | None, Reading, tuple[Model, Version]]:
    """The window length, how files are read, and the model that a layout is learnt for."""
    from app.services.profiling import Reading

    by, task, positive = options.pop("by"), Task(options.pop("task")), options.pop("positive_label")
    threshold, confident = options.pop("threshold"), options.pop("confident")
    file_format, timezone = options.pop("file_format"), options.pop("timezone")
    reading = Reading(mapping_of(options), now(), file_format, timezone)
    by = by or (WindowLength.DAY.value if reading.mapping.timestamp else _ALL)
    model = Model("", task, positive_label=positive, confident_threshold=confident)
    return None if by == _ALL else WindowLength(by), reading, (model, Version(0, "", decision_threshold=threshold))


def _stored_layout(model_name: str, version_name: str) -> Layout:
    from app.services.uploads import layout_of

    with database() as engine:
        return layout_of(engine, model_name, version_name)


def _load(
    path: Path,
    reading: Reading,
    by: WindowLength | None,
    layout: Layout | None,
    learn_for: tuple[Model, Version],
    format_: str,
) -> PortableProfile:
    from app.core.portable import SUFFIX
    from app.services.profiling import read_profiles

    if path.suffix == SUFFIX:
        return read_profiles(path)
    profiled = _profiled([path], reading, by, layout, learn_for, format_)
    _warn(profiled)
    return profiled.profiles


def _profiled(
    files: Sequence[Path],
    reading: Reading,
    by: WindowLength | None,
    layout: Layout | None,
    learn_for: tuple[Model, Version],
    format_: str,
) -> Profiled:
    from app.services.profiling import profile_files

    name = files[0].name if len(files) == 1 else f"{len(files)} files"
    with progress_bar(f"Profiling {name}", format_) as report:
        return profile_files(files, reading, by=by, layout=layout, learn_for=learn_for, progress=report)


def _write_merged(files: Sequence[Path], out: Path, format_: str) -> None:
    from app.core.portable import merge
    from app.services.profiling import read_profiles

    merged = merge([read_profiles(path) for path in files])
    rows = sum(part.rows for _, part in merged.profiles())
    _write(merged, out)
    show([{"rows": rows, "windows": len(merged.windows), "features": len(merged.layout.feature_names)}], format_)


def _write(profiles: PortableProfile, out: Path) -> None:
    """All of the file or nothing: whoever waits for it finds no half of one."""
    from app.core.portable import encode

    part = out.with_name(out.name + ".part")
    part.write_bytes(encode(profiles))
    part.replace(out)


def _tell(profiled: Profiled, format_: str) -> None:
    profiles = profiled.profiles
    row: dict[str, Any] = {
        "rows": profiled.rows,
        "windows": len(profiles.windows),
        "features": len(profiles.layout.feature_names),
        "rejected": profiled.rejected,
    }
    if format_ == "json":
        row |= {"warnings": list(profiled.warnings), "errors": [str(error) for error in profiled.errors]}
    show([row], format_)
    _warn(profiled)


def _warn(profiled: Profiled) -> None:
    say_rejected(list(profiled.errors), profiled.rejected)
    for warning in profiled.warnings:
        click.echo(f"Note: {warning}", err=True)


def _print(comparison: Comparison, format_: str) -> None:
    rows = [asdict(one) for one in comparison.features]
    about = {
        "reference_rows": comparison.reference_rows,
        "reference_windows": comparison.reference_windows,
        "current_rows": comparison.current_rows,
    }
    verdict = comparison.verdict
    if format_ == "json":
        click.echo(as_json({"verdict": verdict, "exit_code": verdict.exit_code, **about, "features": rows}))
        return
    show(rows, "text", empty="no feature")
    counts = f"{about['current_rows']:,} rows against {about['reference_rows']:,}"
    judged = [one for one in comparison.features if one.outcome is not Outcome.NOT_EVALUATED]
    beyond = sum(one.outcome is Outcome.BREACH for one in judged)
    found = f"{beyond} of {len(judged)} beyond a limit"
    click.echo(
        f"{verdict.replace('_', ' ')}: {found}; {counts} in {about['reference_windows']} windows of normal variation"
    )
