"""`watchkeeper digest`: what is told of together, once a day or a week."""

from __future__ import annotations

from typing import Any

import click

from app.cli.output import as_json, format_option
from app.cli.session import database, now, settings

DAILY = "daily 00:00"


@click.group()
def digest() -> None:
    """See what the next digest would say."""


@digest.command(
    "preview",
    epilog="""\b
Examples:
  watchkeeper digest preview
  watchkeeper digest preview --json

WATCHKEEPER_DIGEST says when digests are sent; without it, a daily one is shown.""",
)
@format_option
def digest_preview(format_: str) -> None:
    """Print the digest of each channel as it would be now; nothing is sent."""
    from app.core.digest_schedule import schedule
    from app.core.messages import line_text, more_text, to_json
    from app.services.digests import preview

    chosen = settings()
    plan = schedule(chosen.digest) or schedule(DAILY)
    assert plan is not None
    with database() as engine:
        found = preview(engine, now(), plan, public_url=chosen.public_url)
    if format_ == "json":
        rows: list[dict[str, Any]] = [{"channel": name, **to_json(message)} for name, message in found]
        click.echo(as_json(rows))
        return
    for name, message in found:
        click.echo(f"to {name}: {message.title} ({message.note})")
        for line in message.lines:
            click.echo(f"  {line.subject}: {line_text(line)}" if line.subject else f"  {line_text(line)}")
        if message.more:
            click.echo(f"  {more_text(message.more)}")
    if not found:
        click.echo("nothing to say to any channel; see `watchkeeper channel list`")
    if not chosen.digest:
        click.echo("Note: no digest is sent; set WATCHKEEPER_DIGEST, such as 'daily 08:00 Europe/Berlin'", err=True)
