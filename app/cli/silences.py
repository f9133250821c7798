"""`watchkeeper silence`: alerts that nobody is told of for a while."""

from __future__ import annotations

from datetime import datetime, timedelta

import click

from app.cli.output import as_json, format_option, show
from app.cli.parameters import DURATION, TIME, author_option
from app.cli.session import database, now

COLUMNS = [
    *("id", "status", "model", "version", "check", "subject", "segment"),
    *("starts", "expires", "weekly", "author", "comment"),
]


@click.group()
def silence() -> None:
    """Tell nobody of some alerts for a while, once or every week."""


@silence.command(
    "add",
    epilog="""\b
Examples:
  watchkeeper silence add --model fraud --check data_drift --for 2h --comment "backfill runs"
  watchkeeper silence add --model 'fraud*' --subject 'amount_*' --starts 2026-12-24 --expires 2026-12-27 \\
      --comment "shops are closed"
  watchkeeper silence add --model fraud --days sat,sun --at 22:00 --for 3h --zone Europe/Berlin \\
      --comment "weekly maintenance"

In a name, * stands for any characters and ? for one. An alert that is silenced keeps its state and its history; if it
still fires when the silence ends, it is told then.""",
)
@click.option("--project", help="Alerts of this project.")
@click.option("--model", help="Alerts of this model.")
@click.option("--version", help="Alerts of this version.")
@click.option("--check", help="Alerts of this check.")
@click.option("--subject", help="Alerts of this subject, such as a feature.")
@click.option("--segment", help="Alerts of this segment, such as country=FI.")
@click.option("--starts", type=TIME, help="From this time on; without one, from now on.")
@click.option("--expires", type=TIME, help="Until this time; with --days, the recurrence ends then.")
@click.option("--for", "duration", type=DURATION, help="For so long, such as 2h; with --days, each time.")
@click.option("--days", help="Every week on these days, such as sat,sun or mon-fri.")
@click.option("--at", help="With --days: from this time of the clocks, such as 22:00.")
@click.option("--zone", default="UTC", show_default=True, help="With --days: the zone of these clocks.")
@click.option("--comment", required=True, help="Why.")
@author_option
@format_option
def silence_add(
    project: str | None,
    model: str | None,
    version: str | None,
    check: str | None,
    subject: str | None,
    segment: str | None,
    starts: datetime | None,
    expires: datetime | None,
    duration: timedelta | None,
    days: str | None,
    at: str | None,
    zone: str,
    comment: str,
    author: str,
    format_: str,
) -> None:
    """Silence the alerts that fit all of the given names."""
    from app.core.silences import Matcher, Silence
    from app.services.read_models.alert_rows import open_alerts_that_fit
    from app.services.silences import add_silence, weekly

    begins = starts or now()
    recurrence = None
    if days is not None:
        if at is None or duration is None:
            raise click.UsageError("--days needs --at and --for")
        recurrence = weekly(days, at, duration, zone)
    elif duration is not None:
        if expires is not None or at is not None:
            raise click.UsageError("give either --expires or --for; --at goes with --days")
        expires = begins + duration
    matcher = Matcher(project, model, version, check, subject, segment)
    with database() as engine:
        row = add_silence(engine, now(), Silence(matcher, begins, expires, author, comment, recurrence))
        meant = open_alerts_that_fit(engine, matcher)
    if format_ == "json":
        click.echo(as_json(row))
    else:
        click.echo(f"silence {row['id']} is {row['status']}: nobody is told of alerts with {matcher.words}")
    if not meant:
        click.echo("Note: no open alert fits it now; `watchkeeper alert list` shows the names that there are", err=True)


@silence.command("list")
@click.option("--all", "ended", is_flag=True, help="Those that have ended, too.")
@format_option
def silence_list(ended: bool, format_: str) -> None:
    """List the silences that hold or will."""
    from app.services.silences import list_silences

    with database() as engine:
        rows = list_silences(engine, now(), ended=ended)
    show(rows, format_, columns=COLUMNS, empty="no silence: every alert is told; see `watchkeeper silence add --help`")


@silence.command("end")
@click.argument("identity", metavar="ID", type=int)
@author_option
def silence_end(identity: int, author: str) -> None:
    """End silence ID before its time: what fires and fits is told in the worker's next round."""
    from app.services.silences import end_silence

    with database() as engine:
        end_silence(engine, now(), identity, author)
    click.echo(f"silence {identity} has ended")
