"""`watchkeeper limits`, `limit` and `backtest`: what limits hold, which people set, and what they would have told."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from app.cli.gate import no_answer_is_no_breach
from app.cli.output import as_json, format_option, show
from app.cli.parameters import TIME
from app.cli.session import database, now

if TYPE_CHECKING:
    from app.core.overrides import Override
    from app.services.backtest import Backtest

LIMIT_COLUMNS = ["check", "subject", "limit", "normal", "cannot_detect_below", "false_alarms_per_month"]
ALERT_COLUMNS = ["check", "subject", "segment", "from", "to", "worst_value", "limit"]
DONE, NOTHING_JUDGED = 0, 2


@click.command(
    epilog="""\b
Examples:
  watchkeeper limits --model fraud
  watchkeeper limits --model fraud --segment country=FI
  watchkeeper limits --model fraud --version 3 --format json"""
)
@click.option("--model", required=True, help="The model.")
@click.option("--version", help="Its version; without one, the live one, or where it has no data the newest with any.")
@click.option("--segment", default="", help="In this segment, such as country=FI; without one, for all rows.")
@format_option
def limits(model: str, version: str | None, segment: str, format_: str) -> None:
    """Show the limits that hold, and the false alerts a month that they let us expect, beside the budget."""
    from app.services.limits import model_limits

    with database() as engine:
        found = model_limits(engine, model, version, segment)
    if format_ == "json":
        click.echo(as_json(found.as_dict()))
        return
    click.echo(f"{found.model} {found.version}: {found.false_alarms.words}; {found.seasons}")
    rows = [asdict(row) for row in found.limits]
    show(rows, format_, columns=LIMIT_COLUMNS, empty="no window is judged yet; run `watchkeeper run`")


@click.group()
def limit() -> None:
    """Set, list and remove limits in place of the learnt ones."""


def _target(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which limit is meant."""
    for option in (
        click.option("--segment", default="", help="In this segment, such as country=FI; without one, in the whole."),
        click.option("--subject", help="Of this subject alone, such as a feature; without one, of every subject."),
        click.option("--check", required=True, help="The limit of this check."),
        click.option("--model", required=True, help="The model."),
    ):
        command = option(command)
    return command


@limit.command(
    "set",
    epilog="""\b
Examples:
  watchkeeper limit set --model fraud --check training_serving_skew --subject amount --limit 0.4 \\
      --author ann --reason "prices vary with the season"

Where only one direction is bad (distances, faults, quality) the limit is the value itself beyond which a window
exceeds; where both are (volume, confident_share, bias) it is the distance from normal.""",
)
@_target
@click.option("--limit", "value", type=float, required=True, help="The limit, in the unit of the statistic.")
@click.option("--author", required=True, help="Who sets it.")
@click.option("--reason", required=True, help="Why.")
def limit_set(
    model: str, check: str, subject: str | None, segment: str, value: float, author: str, reason: str
) -> None:
    """Set a limit. It holds for windows that end from now on; nothing of the past is judged anew."""
    from app.services.overrides import set_override, unmeasured

    with database() as engine:
        doubt = unmeasured(engine, model, check, subject, segment)
        set_override(
            engine,
            now(),
            model,
            check=check,
            subject=subject,
            segment=segment,
            limit=value,
            author=author,
            reason=reason,
        )
    click.echo(f"the limit of {_name(check, subject, segment)} is {value:g} for windows that end from now on")
    if doubt:
        click.echo(f"Note: {doubt}", err=True)


def _name(check: str, subject: str | None, segment: str) -> str:
    return check + (f":{subject}" if subject else "") + (f" in {segment}" if segment else "")


@limit.command("list")
@click.option("--model", required=True, help="The model.")
@click.option("--all", "ended", is_flag=True, help="Those that hold no longer, too.")
@format_option
def limit_list(model: str, ended: bool, format_: str) -> None:
    """List the limits that people set."""
    from app.services.overrides import list_overrides

    with database() as engine:
        rows = list_overrides(engine, model, ended=ended)
    show(rows, format_, empty="no limit is set: all are learnt; see `watchkeeper limits`")


@limit.command("remove")
@_target
@click.option("--author", required=True, help="Who removes it.")
@click.option("--reason", required=True, help="Why.")
def limit_remove(model: str, check: str, subject: str | None, segment: str, author: str, reason: str) -> None:
    """Let the learnt limit hold again, for windows that end from now on. What was set stays in the list."""
    from app.services.overrides import remove_override

    with database() as engine:
        remove_override(
            engine, now(), model, check=check, subject=subject, segment=segment, author=author, reason=reason
        )
    click.echo(f"the limit of {_name(check, subject, segment)} is learnt again for windows that end from now on")


@click.command(
    epilog="""\b
Examples:
  watchkeeper backtest --model fraud
  watchkeeper backtest --model fraud --since 2026-06-01 --false-alarms 0.2
  watchkeeper backtest --model fraud --limit volume=500 --limit training_serving_skew:amount=0.4 --format json

Exit codes: 0 done, 2 nothing could be judged, with the reason."""
)
@click.option("--model", required=True, help="The model.")
@click.option("--version", help="Its version; without one, the live one, or where it has no data the newest with any.")
@click.option("--since", type=TIME, help="Windows that start at or after this time; without it, all.")
@click.option("--until", type=TIME, help="Windows that start before this time; without it, all.")
@click.option("--false-alarms", type=float, help="Try this budget of false alerts a month.")
@click.option(
    "--limit", "tried", multiple=True, metavar="CHECK[:SUBJECT]=X", help="Try this limit. May be given several times."
)
@format_option
def backtest(
    model: str,
    version: str | None,
    since: datetime | None,
    until: datetime | None,
    false_alarms: float | None,
    tried: tuple[str, ...],
    format_: str,
) -> None:
    """Say which alerts MODEL's own history would have raised. Nothing is written, and nobody is told."""
    from app.services.backtest import Trial
    from app.services.backtest import backtest as replay_history

    trial = Trial(false_alarms, tuple(_tried(text) for text in tried))
    with no_answer_is_no_breach(), database() as engine, _progress() as progress:
        found = replay_history(engine, now(), model, version, since=since, until=until, trial=trial, progress=progress)
    if format_ == "json":
        click.echo(as_json(_document(found)))
    else:
        _print(found)
    sys.exit(DONE if found.told else NOTHING_JUDGED)


def _tried(text: str) -> Override:
    from app.core.overrides import Override

    name, separator, number = text.rpartition("=")
    check, colon, subject = name.partition(":")
    try:
        value = float(number)
    except ValueError:
        separator = ""
    if not (separator and check) or (colon and not subject):
        raise click.BadParameter(f"{text!r}: write CHECK=X or CHECK:SUBJECT=X", param_hint="--limit")
    always = datetime.min.replace(tzinfo=UTC)
    return Override(check, subject or None, "", value, "backtest", "tried", always, tried=True)


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Tells how far the replay is, on a terminal."""
    if not sys.stderr.isatty():
        yield lambda _done, _all: None
        return
    yield lambda done, all_: click.echo(f"\rjudged {done} of {all_} windows", nl=done == all_, err=True)


def _document(found: Backtest) -> dict[str, Any]:
    values = {name: getattr(found, name) for name in ("model", "version", "since", "until", "windows", "months")}
    return {
        **values,
        "budget": found.budget,
        "reason": found.reason,
        "checks": [asdict(check) for check in found.checks],
        "alerts": found.rows(),
    }


def _print(found: Backtest) -> None:
    if found.since is None or found.until is None:
        click.echo(f"{found.model} {found.version}: {found.reason}")
        return
    span = f"{found.since:%Y-%m-%d %H:%M} to {found.until:%Y-%m-%d %H:%M} UTC"
    click.echo(f"{found.model} {found.version}: {found.windows} windows, {span}")
    if not found.told:
        click.echo(found.reason)
        return
    show([asdict(check) for check in found.checks], "text")
    click.echo()
    show(found.rows(), "text", columns=ALERT_COLUMNS, empty="no alert would have fired")
    click.echo(
        f"\n{found.alerts} alerts in {found.months:.1f} months, {found.alerts / found.months:.2g} a month; "
        f"the budget is {found.budget:g} false ones a month"
    )
