"""This machine and the database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from app.core.alerting import utc_text
from app.core.looks.diagnoses import bad, note, span, well
from app.core.self_watch import Diagnosis, Facts

LEAST_FREE_BYTES = 1 << 30
SKEW = timedelta(seconds=30)
"""Of two clocks. Windows close by the clock, and claims of what is being sent last five minutes."""


def data_folder(facts: Facts) -> Sequence[Diagnosis]:
    """Whether it can be written, with room to spare."""
    disk = facts.data_folder
    if disk.error:
        return bad("data_folder", disk.error, "set WATCHKEEPER_DATA_DIR to a folder that can be written")
    what = f"{disk.path}, {disk.free_bytes / 2**30:.1f} GiB free"
    if disk.free_bytes < LEAST_FREE_BYTES:
        return bad("data_folder", what, "free some space, or set WATCHKEEPER_DATA_DIR to a larger disk")
    return well("data_folder", what)


def database(facts: Facts) -> Sequence[Diagnosis]:
    """Whether it answers, with the schema of this program."""
    known = facts.database
    if known.error:
        mend = "check WATCHKEEPER_DATABASE_URL and WATCHKEEPER_DATABASE_PASSWORD, and that the server answers"
        return bad("database", known.error, mend)
    where = f"{known.dialect}, schema {known.revision or 'empty'}"
    if known.ahead:
        back = f"`watchkeeper db downgrade {known.head}`"
        mend = f"start the newer program that it belongs to, or take it back with that program: {back}"
        return bad("database", f"{where}, which this program does not know", mend)
    if known.revision != known.head:
        return bad("database", where, f"run `watchkeeper db upgrade` (to {known.head})")
    return well("database", where)


def second_database(facts: Facts) -> Sequence[Diagnosis]:
    """Whether a SQLite file lies unused beside the database that is named."""
    known = facts.database
    if not known.unused:
        return well("second_database", "there is one database")
    what = f"{known.unused} holds another database, which is not the one that the settings name ({known.dialect})"
    mend = (
        "if a service still writes there, give it the same WATCHKEEPER_DATABASE_URL as the others; "
        "else move the file away"
    )
    return note("second_database", what, mend)


def clock(facts: Facts) -> Sequence[Diagnosis]:
    """Whether those of the machines and the database agree."""
    mend = "synchronise the clocks of all machines, e.g. `timedatectl set-ntp true`"
    skew, newest = facts.database.skew, facts.database.newest_write
    if skew is not None and abs(skew) > SKEW:
        side = "ahead of" if skew > timedelta(0) else "behind"
        return bad("clock", f"the database's clock is {span(abs(skew))} {side} this machine's", mend)
    if newest is not None and newest - facts.now > SKEW:
        what = f"the newest record was stored at {utc_text(newest)}, {span(newest - facts.now)} in the future"
        return bad("clock", what, mend)
    return well("clock", "the clocks agree")
