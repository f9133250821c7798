"""The demo on the terminal: what is found as it is found, the table of months, and the messages that arrived."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from email import message_from_bytes, policy
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from sqlalchemy import Engine

from app.demo import receivers, summary
from app.demo.folder import Folder, State
from app.demo.questions import QUESTIONS
from app.demo.replay import Finding

MOST_LINES = 14


def found(console: Console, finding: Finding) -> None:
    """One line about alerts that changed."""
    subjects = ", ".join(finding.subjects)
    mark = "!" if finding.state == "firing" else "✓"
    text = f"{finding.at:%Y-%m-%d}  {mark} {finding.state:<8}  {finding.check}: {subjects}"
    console.print(Text(text, style="bold yellow" if mark == "!" else "green"))


def show(console: Console, engine: Engine, folder: Folder, state: State) -> None:
    """Everything that there is to say at the end."""
    question = QUESTIONS[state.task]
    rows, titles = summary.months(engine, question, state.shift), summary.titles(question)
    console.print(_table(rows, titles, question.digits))
    console.print("Months of 2013 with at least one day in breach:")
    for series, title in titles.items():
        breached = [month.name for month in rows if month.breach_days[series]]
        console.print(f"  {title + ':':<20} {', '.join(breached) or 'none'}", highlight=False, soft_wrap=True)
    _say_when(console, summary.first_alarms(engine), summary.sent(engine))
    for title, path, renderable in _arrived(folder.received):
        console.print(Panel(renderable, title=title, subtitle=path.name, title_align="left", subtitle_align="right"))
    console.print(f"All messages that arrived are in {folder.received}", soft_wrap=True, highlight=False)


def _table(rows: Sequence[summary.Month], titles: Mapping[str, str], digits: int) -> Table:
    table = Table(title="Days in breach (d), month by month", title_justify="left", box=None, padding=(0, 2, 0, 0))
    table.add_column("flights\nof", no_wrap=True)
    table.add_column("replayed\nfrom", no_wrap=True)
    table.add_column("predic-\ntions", justify="right")
    for title in titles.values():
        table.add_column(title.replace(" ", "\n"))
    for month in rows:
        said = {
            summary.REALISED: f"{month.realised:.{digits}f} ",
            summary.ESTIMATED: f"{month.estimated:.{digits}f} ",
        }
        cells = [said.get(series, "") + _days(month.breach_days[series]) for series in titles]
        names = ", ".join(month.skewed)
        cells[list(titles).index(summary.SKEW)] += f" {names}"
        table.add_row(month.name, f"{month.first_day}", f"{month.predictions:,}", *cells)
    return table


def _days(count: int) -> str:
    return f"{count} d" if count else ""


def _say_when(console: Console, firsts: dict[str, datetime], sent: summary.Sent) -> None:
    console.print("First alarm of each check (simulated time):")
    for check, at in firsts.items():
        console.print(f"  {at:%Y-%m-%d}  {check}", highlight=False)
    console.print(
        f"{sent.alerts} alerts were raised, {sent.messages} messages accepted by Slack's and the mail's stand-in, "
        f"{sent.requests} retraining requests accepted by the webhook's.",
        highlight=False,
    )


def _arrived(folder: Path) -> list[tuple[str, Path, RenderableType]]:
    """The last message of each kind: title, file, content."""
    kinds = (
        ("The last Slack message", receivers.SLACK, _slack),
        ("The last mail", receivers.EMAIL, _mail),
        ("The last retraining request, its signature verified", receivers.RETRAINING, _request),
    )
    return [(title, path, draw(path)) for title, names, draw in kinds if (path := receivers.newest(folder, names))]


def _slack(path: Path) -> RenderableType:
    message = json.loads(path.read_bytes())
    sections = [block["text"]["text"] for block in message["blocks"] if block["type"] == "section"]
    return Group(Text(message["text"], style="bold"), *map(Text, sections))


def _mail(path: Path) -> RenderableType:
    mail = message_from_bytes(path.read_bytes(), policy=policy.default)
    body = mail.get_body(("plain",))
    lines = body.get_content().splitlines() if body else []
    return Group(Text(f"Subject: {mail['Subject']}", style="bold"), *map(Text, lines[:MOST_LINES]))


def _request(path: Path) -> RenderableType:
    lines = json.dumps(json.loads(path.read_bytes()), indent=2).splitlines()
    return Text("\n".join([*lines[: 2 * MOST_LINES], "  ..."] if len(lines) > 2 * MOST_LINES else lines))
