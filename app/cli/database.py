"""`watchkeeper db`, `rebuild` and `doctor`: the state of what is stored."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from app.cli.output import format_option, show
from app.cli.session import database, now, schema, settings
from app.settings import SettingsError

if TYPE_CHECKING:
    from app.core.self_watch import Diagnosis


@click.group()
def db() -> None:
    """Bring the database's schema up or down, or check it."""


@db.command("upgrade")
@click.argument("revision", default="head")
def db_upgrade(revision: str) -> None:
    """Bring the schema up to REVISION, by default to the newest one. Harmless when it is there already."""
    from app.storage import migrate

    with schema() as engine:
        migrate.upgrade(engine, revision)
        click.echo(f"the database is at schema {migrate.current(engine)}")


@db.command("downgrade", context_settings={"ignore_unknown_options": True})  # -1 is a revision here, and no option
@click.argument("revision")
@click.confirmation_option(prompt="A downgrade drops tables and columns with what they hold. Go on?")
def db_downgrade(revision: str) -> None:
    """Take the schema down to REVISION ("-1": one step, "base": to nothing)."""
    from app.storage import migrate

    with schema() as engine:
        migrate.downgrade(engine, revision)
        click.echo(f"the database is at schema {migrate.current(engine) or 'base (empty)'}")


@db.command("check")
def db_check() -> None:
    """Say whether the schema is the one that this program needs; exit code 1 when it is not."""
    from app.storage import migrate

    with schema() as engine:
        current, head = migrate.current(engine), migrate.head()
    if current != head:
        raise click.ClickException(
            f"the schema is {current or 'empty'}, {head} is needed; run `watchkeeper db upgrade`"
        )
    click.echo(f"the database is at schema {head}, the newest")


@click.command(epilog="\b\nExample:\n  watchkeeper rebuild --model fraud --version 3")
@click.option("--model", "model_name", help="Only this model.")
@click.option("--version", "version_name", help="Only this version of it.")
def rebuild(model_name: str | None, version_name: str | None) -> None:
    """Recount all profiles from the stored rows. Measurements are made anew by the next run."""
    from app.services.rebuild import rebuild as rebuild_all
    from app.services.rounds import described

    if version_name and not model_name:
        raise click.UsageError("--version needs --model")
    with database() as engine:
        try:
            summary = rebuild_all(engine, model=model_name, version=version_name, now=now())
        except ExceptionGroup as error:
            raise click.ClickException(f"{error.message}: {described(error)}") from error
    show([asdict(summary)], "text")


@click.command(
    epilog="""\b
Examples:
  watchkeeper doctor
  watchkeeper doctor --json | jq '.[] | select(.level == "bad")'
  watchkeeper doctor --only database --only jobs      as a health check of the worker"""
)
@click.option("--only", multiple=True, help="A subject to look at, and no other. May be repeated.")
@format_option
def doctor(only: tuple[str, ...], format_: str) -> None:
    """Say what is wrong, why that matters and how to mend it. Exit code 0 when nothing is wrong, 1 when something is.

    Run it where the worker runs, with the same environment: it looks for the same secrets and the same folder.
    """
    from app.core.looks import LOOKS
    from app.core.self_watch import Diagnosis, Level
    from app.services.doctor import diagnose

    subjects = [look.subject for look in LOOKS]
    if unknown := [name for name in only if name not in subjects]:
        raise click.BadParameter(f"{unknown[0]!r} is no subject; known are {', '.join(subjects)}", param_hint="--only")
    try:
        found = [one for one in diagnose(settings(), now(), os.environ) if not only or one.subject in only]
    except SettingsError as error:
        why, mend = "no service starts", "correct the environment variables named here"
        found = [Diagnosis("settings", Level.BAD, str(error), why, mend)]
    if format_ == "json":
        show([asdict(one) for one in found], format_)
    else:
        for one in found:
            _tell(one)
    sys.exit(1 if any(one.level is Level.BAD for one in found) else 0)


def _tell(one: Diagnosis) -> None:
    click.echo(f"{one.level:4}  {one.subject}: {one.what}")
    for name, text in (("why", one.why), ("mend", one.mend)):
        if text:
            click.echo(f"      {name}: {text}")
