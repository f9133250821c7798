"""How far the import of a file has come, so that an interrupted one goes on where it stopped."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from app.storage.tables import import_progress


def lines_done(connection: Connection, key: str) -> int:
    """How many lines of the file are stored; 0 for a file never seen."""
    done = connection.scalar(select(import_progress.c.rows_done).where(import_progress.c.key == key))
    return 0 if done is None else int(done)


def record(connection: Connection, key: str, lines: int, now: datetime) -> None:
    """Note that the file is stored up to `lines`; belongs into the transaction that stored them."""
    values = {"rows_done": lines, "updated_at": now}
    noted = connection.execute(update(import_progress).where(import_progress.c.key == key).values(values))
    if noted.rowcount == 0:
        connection.execute(insert(import_progress).values(key=key, **values))
