"""Take what clients say of themselves."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from app.storage.client_reports import ClientReport, store_report
from app.storage.engine import write


def take_report(engine: Engine, report: ClientReport, now: datetime) -> bool:
    """Keep a client's report; False when a newer one of it is known. Taking it twice changes nothing."""
    try:
        with write(engine) as connection:
            return store_report(connection, report, now)
    except IntegrityError:  # the first report of the same client came twice at once
        with write(engine) as connection:
            return store_report(connection, report, now)
