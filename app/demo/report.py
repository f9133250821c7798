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
from app.demo.comparison import Term
from app.demo.folder import Folder, State
from app.demo.loop import Course, course
from app.demo.questions import QUESTIONS, Question
from app.demo.registration import FIRST
from app.demo.replay import Finding
from app.demo.serving import Drill, Takeover

MOST_LINES = 14


def found(console: Console, finding: Finding) -> None:
    """One line about alerts that changed."""
    subjects = ", ".join(finding.subjects)
    mark = "!" if finding.state == "firing" else "✓"
    text = f"{finding.at:%Y-%m-%d}  {mark} {finding.state:<8}  {finding.check}: {subjects}"
    console.print(Text(text, style="bold yellow" if mark == "!" else "green"))


def took_over(console: Console, takeover: Takeover) -> None:
    """One line about a version that answers from now on."""
    text = f"{takeover.since:%Y-%m-%d}  → version {takeover.version} answers since {takeover.since:%H:%M:%S} UTC"
    console.print(Text(text, style="bold cyan"))


def show(console: Console, engine: Engine, folder: Folder, state: State) -> None:
    """Everything that there is to say at the end."""
    question = QUESTIONS[state.task]
    rows, titles = summary.months(engine, question, state.shift), summary.titles(question)
    console.print(_table(rows, titles, question, state.first_alone))
    console.print("Months of 2013 with at least one day in breach:")
    for series, title in titles.items():
        breached = [month.name for month in rows if month.breach_days[series]]
        console.print(f"  {title + ':':<20} {', '.join(breached) or 'none'}", highlight=False, soft_wrap=True)
    _say_when(console, summary.first_alarms(engine), summary.sent(engine))
    for retraining in state.retrainings:
        _tell_course(console, course(engine, retraining))
    _compare(console, state.terms, question)
    for drill in state.drills:
        _tell_drill(console, drill)
    for title, path, renderable in _arrived(folder.received):
        console.print(Panel(renderable, title=title, subtitle=path.name, title_align="left", subtitle_align="right"))
    console.print(f"All messages that arrived are in {folder.received}", soft_wrap=True, highlight=False)


def _table(
    rows: Sequence[summary.Month], titles: Mapping[str, str], question: Question, alone: Mapping[str, float]
) -> Table:
    table = Table(title="Days in breach (d), month by month", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for title in ("flights\nof", "replayed\nfrom"):
        table.add_column(title, no_wrap=True)
    table.add_column("predic-\ntions", justify="right")
    table.add_column("by\nversion")
    for title in titles.values():
        table.add_column(title.replace(" ", "\n"))
    table.add_column("version 1 alone\n(offline)")
    for month in rows:
        said = {
            summary.REALISED: f"{month.realised:.{question.digits}f} ",
            summary.ESTIMATED: f"{month.estimated:.{question.digits}f} ",
        }
        cells = [said.get(series, "") + _days(month.breach_days[series]) for series in titles]
        cells[list(titles).index(summary.SKEW)] += f" {', '.join(month.skewed)}"
        cells.append(f"{alone[month.name]:.{question.digits}f}" if month.versions != [FIRST] else "")
        served_by = ", ".join(month.versions)
        table.add_row(month.name, f"{month.first_day}", f"{month.predictions:,}", served_by, *cells)
    return table


def _tell_course(console: Console, found: Course) -> None:
    """One turn of the loop with its times."""
    done = found.retraining
    steps = ", ".join(f"{step} {seconds:.1f} s" for step, seconds in done.seconds.items())
    console.print(f"Version {done.version}, {found.about} (times are simulated, seconds are real):", style="bold")
    lines = {
        "breach": f"{found.breach:%Y-%m-%d} (window)",
        "alert": _time(found.alert),
        "request": f"{_time(done.request.requested_at)}: {done.request.reason}",
        "training": f"{_time(done.accepted_at)} to {done.finished_at:%H:%M:%S}: {steps}",
        "trained on": f"{done.rows:,} flights, {done.new_rows:,} of them from training set {done.training_set[:12]}",
        "squared error": f"{done.error:.4g} on the new flights, out of fold; {done.served:.4g} as served",
        "takeover": _time(found.live) if found.live else "none: it was not better, and stays registered",
        "alert ended": f"{_time(found.ended)}: {found.why}" if found.ended else "not yet",
        "within limits": f"{found.within:%Y-%m-%d} (first window of version {done.version})"
        if found.within
        else "not yet",
    }
    for name, text in lines.items():
        console.print(f"  {name:<14} {text}", highlight=False)


def _compare(console: Console, terms: Sequence[Term], question: Question) -> None:
    for term in terms:
        digits = question.digits
        others = {FIRST: term.first, term.predecessor: term.before}
        would = ", ".join(f"{value:.{digits}f} by version {version}" for version, value in others.items())
        console.print(
            f"Version {term.version}, {term.since:%Y-%m-%d} to {term.until:%Y-%m-%d}, {term.flights:,} flights: "
            f"{question.measure} {term.served:.{digits}f}; computed offline on the same flights: {would}",
            highlight=False,
        )


def _tell_drill(console: Console, drill: Drill) -> None:
    steps = ", ".join(f"{step.replace('_', ' ')} {seconds:.2f} s" for step, seconds in drill.steps.items() if seconds)
    console.print(
        f"Rollback drill, {_time(drill.started_at)}: {drill.state}. The serving side loaded version {drill.version} and"
        f" answered {drill.rows} requests as it had when it was live: {steps}. {drill.reason}",
        highlight=False,
    )


def _time(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


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
