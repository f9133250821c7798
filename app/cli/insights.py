"""`watchkeeper why` and `watchkeeper scorecard`: what is behind a breach, and how well a model is watched."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

import click

from app.cli.output import format_option, show
from app.cli.parameters import TIME
from app.cli.session import database, now

if TYPE_CHECKING:
    from app.services.scorecards import ModelScorecard

CAUSE_COLUMNS = ["rank", "kind", "subject", "check", "value", "limit", "excess", "importance", "strength"]
MARKS = {"ok": "ok", "breach": "breach", "not_evaluated": "cannot tell"}


@click.command(
    epilog="""\b
Examples:
  watchkeeper why --model fraud
  watchkeeper why --model fraud --check estimated_performance --window 2026-11-01 --format json"""
)
@click.option("--model", required=True, help="The model.")
@click.option("--version", help="Its version; without one, the live one, or where it has no data the newest with any.")
@click.option("--check", help="The check in breach; without one, the one that matters most.")
@click.option("--window", type=TIME, help="A time in the window to explain; without one, the newest in breach.")
@format_option
def why(model: str, version: str | None, check: str | None, window: datetime | None, format_: str) -> None:
    """Rank the likely causes of a breach: features, missing values, labels, volume, concept drift."""
    from app.services.causes import explain, nothing_to_explain

    with database() as engine:
        found = explain(engine, model, version, check, window)
        nothing = nothing_to_explain(engine, model, version) if found is None else ""
    if found is None:
        show([], format_, empty=nothing)
        if format_ != "text":
            click.echo(f"Note: {nothing}", err=True)
        return
    if format_ == "text":
        click.echo(f"{found.model} {found.version}: {found.check}, window of {found.window_start:%Y-%m-%d %H:%M} UTC")
    show(found.rows(), format_, columns=CAUSE_COLUMNS, empty="nothing else left its normal range in that window")
    if found.note:
        click.echo(f"Note: {found.note}", err=True)


@click.command(
    epilog="""\b
Examples:
  watchkeeper scorecard --model fraud
  watchkeeper scorecard --model fraud --format markdown > scorecard.md"""
)
@click.option("--model", required=True, help="The model.")
@click.option("--version", help="Its version; without one, the live one, or where it has no data the newest with any.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    show_default=True,
    help="How the card is printed.",
)
def scorecard(model: str, version: str | None, format_: str) -> None:
    """Print MODEL's ML Test Score: which monitoring tests run on it, and the evidence for each."""
    from app.services.scorecards import model_scorecard

    with database() as engine:
        found = model_scorecard(engine, model, version, now())
    if format_ == "json":
        click.echo(json.dumps({**found.as_dict(), "at": found.at.isoformat()}, indent=2))
    elif format_ == "markdown":
        click.echo(_markdown(found))
    else:
        click.echo(_text(found))


def _text(found: ModelScorecard) -> str:
    lines = [f"{found.model} {found.version}: ML Test Score, monitoring: {found.card.score:g} of 7"]
    for item in found.card.items:
        head = f"{item.section.value} {item.number}"
        lines.append(f"\n{head:<17} {item.credit.points:>3g}  {item.test} ({_standing(item.credit, item.outcome)})")
        lines += [f"{'':<23}{said}" for said in item.evidence]
    return "\n".join(lines)


def _markdown(found: ModelScorecard) -> str:
    lines = [
        f"# ML Test Score of {_cell(found.model)}, version {_cell(found.version)}",
        "",
        f"Monitoring: **{found.card.score:g} of 7**, as of {found.at:%Y-%m-%d %H:%M} UTC.",
        "",
        "| test | points | stands | evidence |",
        "|---|---|---|---|",
    ]
    for item in found.card.items:
        evidence = "<br>".join(_cell(said) for said in item.evidence)
        name = f"{item.section.value} {item.number}: {item.test}"
        lines.append(f"| {name} | {item.credit.points:g} | {_standing(item.credit, item.outcome)} | {evidence} |")
    return "\n".join(lines)


def _standing(credit: str, outcome: str) -> str:
    return credit if credit == "not yet" else f"{credit}, {MARKS[outcome]}"


def _cell(text: str) -> str:
    """A text that neither ends a cell of a Markdown table nor is taken for markup."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
