"""`watchkeeper key`: who may send records."""

from __future__ import annotations

from typing import Any

import click

from app.cli.output import format_option, show
from app.cli.session import database, now

_IN_WORDS = ("last_used_at", "uses_known_since")


@click.group()
def key() -> None:
    """Make, list and revoke API keys. None is needed on loopback."""


@key.command("create", epilog="\b\nExample:\n  watchkeeper key create payments-service --scope ingest")
@click.argument("name")
@click.option(
    "--scope",
    type=click.Choice(["ingest", "train", "admin"]),
    default="ingest",
    show_default=True,
    help="ingest: send predictions and corrections; train: fetch training sets, register versions with their "
    "references, and report on retraining; admin: everything.",
)
@format_option
def key_create(name: str, scope: str, format_: str) -> None:
    """Make a key for NAME. It is shown once, and only its hash is kept."""
    from app.services.keys import create_key

    with database() as engine:
        created = create_key(engine, name, scope, now())
    if format_ == "json":
        show([{**_row(created.key), "key": created.secret}], format_)
        return
    click.echo(created.secret)
    click.echo("Keep it: it is not shown again. Send it as `Authorization: Bearer KEY`.", err=True)


@key.command("list", epilog="\b\nExample:\n  watchkeeper key list --json")
@format_option
def key_list(format_: str) -> None:
    """List the keys, revoked ones too, and when each was used last, as of the last few minutes."""
    from app.services.key_uses import last_use
    from app.services.keys import list_keys

    with database() as engine:
        rows = [{**_row(found), "last_use": last_use(found, now())} for found in list_keys(engine)]
    if format_ == "text":
        rows = [{name: row[name] for name in row if name not in _IN_WORDS} for row in rows]
    show(rows, format_, empty="no key; make one with `watchkeeper key create NAME`")


@key.command("revoke")
@click.argument("key_id", metavar="ID", type=int)
def key_revoke(key_id: int) -> None:
    """Take key ID out of use; collectors stop taking it within seconds."""
    from app.services.keys import revoke_key

    with database() as engine:
        revoked = revoke_key(engine, key_id, now())
    click.echo(f"key {revoked.id} ({revoked.name}) is revoked")


def _row(found: Any) -> dict[str, Any]:
    names = ("id", "name", "scope", "hint", "created_at", "revoked_at", *_IN_WORDS)
    return {name: getattr(found, name) for name in names}
