"""Parameter types: times with a zone, durations as people write them, and fields with their values."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import click

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


class _Time(click.ParamType[datetime]):
    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            time = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time; write 2026-11-22, or 2026-11-22T10:00:00Z", param, ctx)
        # A bare date is a day of the windows, which are in UTC; a time of day without a zone could mean anything.
        if time.tzinfo is None and len(value) > len("2026-11-22"):
            self.fail(f"{value!r} has no zone; add Z for UTC, or an offset such as +01:00", param, ctx)
        return time if time.tzinfo else time.replace(tzinfo=UTC)


class _Duration(click.ParamType[timedelta]):
    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        match = re.fullmatch(r"(\d+(?:\.\d+)?)([mhdw])", value.strip())
        if match is None:
            self.fail(f"{value!r} is no duration; write a number and m, h, d or w, such as 12h or 30d", param, ctx)
        return float(match[1]) * _UNITS[match[2]]


TIME = _Time()
DURATION = _Duration()

_Command = TypeVar("_Command", bound=Callable[..., Any])


def author_option(command: _Command) -> _Command:
    """`--author`: who does it, as it is written down beside what was done."""
    return click.option("--author", default=_login, help="Who does it; without it, the name you are logged in by.")(
        command
    )


def _login() -> str:
    """The name of the account. A container may run under a number that no account has."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid {os.getuid()}"


def fields(values: Sequence[str]) -> dict[str, str]:
    """The FIELD=VALUE of a repeated `--set`, each field once. Raises click.BadParameter."""
    found: dict[str, str] = {}
    for text in values:
        name, separator, value = text.partition("=")
        if not separator or name in found:
            raise click.BadParameter(f"{name!r}: write FIELD=VALUE, each field once", param_hint="--set")
        found[name] = value
    return found
