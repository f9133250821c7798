"""`watchkeeper check`: a verdict for pipelines, as an exit code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import click

from app.cli.output import as_json, show
from app.cli.parameters import DURATION, TIME
from app.cli.session import database, now
from app.core.errors import WatchkeeperError
from app.core.gate import Finding, Gate, Verdict
from app.core.model import Outcome
from app.settings import SettingsError

COLUMNS = ["outcome", "version", "check", "subject", "segment", "window_start", "value", "limit", "reason"]


class NoAnswerError(click.ClickException):
    """There is no verdict: the question was wrong, or the database or a file cannot be read."""

    exit_code = Verdict.CANNOT_TELL.exit_code


@contextmanager
def no_answer_is_no_breach() -> Iterator[None]:
    """Whatever keeps the verdict from being found ends the command with 2, since 1 means a breach."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except click.UsageError:
        raise
    except (WatchkeeperError, SettingsError, SQLAlchemyError, OSError, click.ClickException) as error:
        raise NoAnswerError(error.message if isinstance(error, click.ClickException) else str(error)) from error


@click.command(
    epilog="""\b
Examples:
  watchkeeper check --model fraud
  watchkeeper check --model fraud --version 3 --since 2026-11-01 --check performance --check concept_drift
  watchkeeper check --model fraud --format junit > watchkeeper.xml
  watchkeeper check --model fraud --max-age 3d --format github

Exit codes: 0 healthy, 1 a breach, 2 it cannot tell: nothing was judged, or nothing could be evaluated."""
)
@click.option("--model", required=True, help="The model.")
@click.option("--version", help="Only this version; by default every one that is not retired.")
@click.option("--since", type=TIME, help="All windows that start at or after this time; by default the newest judged.")
@click.option("--check", "checks", multiple=True, metavar="CHECK", help="Only this check. May be given several times.")
@click.option("--max-age", type=DURATION, help="A window that ended longer ago says no more that all is well.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json", "junit", "github"]),
    default="text",
    show_default=True,
    help="A table, rows, JUnit XML, or annotations of GitHub Actions.",
)
def check(
    model: str,
    version: str | None,
    since: datetime | None,
    checks: tuple[str, ...],
    max_age: timedelta | None,
    format_: str,
) -> None:
    """Say by the exit code whether a model is healthy: a gate for pipelines."""
    from app.services.gate import judge_model

    at = now()
    with no_answer_is_no_breach(), database() as engine:
        gate = judge_model(
            engine,
            model,
            now=at,
            version_name=version,
            since=since,
            checks=checks,
            not_before=None if max_age is None else at - max_age,
        )
    _print(model, gate, format_)
    sys.exit(gate.verdict.exit_code)


def _print(model: str, gate: Gate, format_: str) -> None:
    from app.cli.verdicts import github, junit, summary

    if format_ == "json":
        rows = [_row(finding) for finding in gate.findings]
        document = {"model": model, "verdict": gate.verdict, "exit_code": gate.verdict.exit_code, "findings": rows}
        click.echo(as_json(document))
    elif format_ == "junit":
        click.echo(junit(model, gate))
    elif format_ == "github":
        click.echo("\n".join(github(model, gate)))
    else:
        rows = [_row(finding) for finding in gate.findings if finding.outcome is not Outcome.OK]
        if rows:
            show(rows, "text", columns=COLUMNS)
        click.echo(summary(gate))


def _row(finding: Finding) -> dict[str, Any]:
    row = asdict(finding.measurement)
    window = row.pop("window")
    return {"version": finding.version, **row, "window_start": window["start"], "window_end": window["end"]}
