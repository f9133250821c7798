"""Rows for people and rows for programs."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, TypeVar

import click

from app.cli.table import lay_out

_Command = TypeVar("_Command", bound=Callable[..., Any])

Row = Mapping[str, Any]


def format_option(command: _Command) -> _Command:
    """`--format text|json`, with `--json` as its short form."""
    option = click.option(
        "--format",
        "format_",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="How rows are printed.",
    )
    short = click.option("--json", "format_", flag_value="json", help="Short for --format json.")
    return option(short(command))


def show(
    rows: Iterable[Row], format_: str, *, columns: Sequence[str] | None = None, empty: str = "nothing yet"
) -> None:
    """Print rows as a table of `columns` (all of them when not given), or as a JSON array of everything.

    The table of a model without segments has no column for them.
    """
    rows = list(rows)
    if format_ == "json":
        click.echo(as_json(rows))
    elif rows:
        _print_table(rows, [name for name in columns or rows[0] if name != "segment" or any(map(_in_segment, rows))])
    else:
        click.echo(empty)


def as_json(value: object) -> str:
    """A value as JSON for programs: times in ISO 8601, durations in seconds, NaN and infinity as texts."""
    from app.core.records import carried

    return json.dumps(carried(value), default=_json, indent=2)


def _in_segment(row: Row) -> bool:
    return bool(row["segment"])


def _print_table(rows: list[Row], columns: list[str]) -> None:
    right = [all(isinstance(row[name], int | float) or row[name] is None for row in rows) for name in columns]
    cells = [[" ".join(text(row[name]).splitlines()) for name in columns] for row in rows]
    # A pipe has no width: whole lines there, so that grep and awk see every value.
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    click.echo("\n".join(lay_out(columns, cells, right, width)))


def text(value: object) -> str:
    """A value as people read it: four significant digits, times to the minute with their zone."""
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M} UTC"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, timedelta):
        from app.core.label_delay import duration

        return duration(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={text(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(text, value))
    return str(value.value if isinstance(value, Enum) else value)


def _json(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Enum):
        return value.value
    raise TypeError(f"{value!r} has no JSON form")
