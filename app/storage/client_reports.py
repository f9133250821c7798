"""What clients say of themselves: one row for each, which a newer report replaces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, insert, select, update

from app.storage.tables import client_report

KEPT = timedelta(days=7)
MOST_CLIENTS = 10_000
"""Rows kept, so that whoever makes up identities fills no disk; the ones that reported longest ago go first."""


@dataclass(frozen=True, slots=True)
class ClientReport:
    """The account of one client (an object in a process, named by a random `client`), counted since it started."""

    client: str
    host: str
    started_at: datetime
    logged: int
    predictions: int
    served: int | None
    sent: int
    rejected: int
    dropped: Mapping[str, int]


def store_report(connection: Connection, report: ClientReport, now: datetime) -> bool:
    """Keep the report unless a newer one of the client is known; whether it was kept.

    Counts only grow, so the one with more records is the newer one, whatever order they arrive in.
    """
    mine = client_report.c.client == report.client
    known = connection.execute(select(client_report).where(mine).with_for_update()).one_or_none()
    if known is not None and known.logged > report.logged:
        return False
    before = sum(known.dropped.values()) if known else 0
    dropped_at = now if sum(report.dropped.values()) > before else known and known.dropped_at
    values = {
        "host": report.host,
        "started_at": report.started_at,
        "reported_at": now,
        "logged": report.logged,
        "predictions": report.predictions,
        "served": report.served,
        "sent": report.sent,
        "rejected": report.rejected,
        "dropped": dict(report.dropped),
        "dropped_at": dropped_at,
    }
    if known is not None:
        connection.execute(update(client_report).where(mine).values(values))
    else:
        _forget(connection, now)
        connection.execute(insert(client_report).values(client=report.client, **values))
    return True


@dataclass(frozen=True, slots=True)
class KnownClient:
    """What a client said last, and when it last lost records; None: never."""

    report: ClientReport
    reported_at: datetime
    dropped_at: datetime | None


def latest(connection: Connection, most: int) -> tuple[int, list[KnownClient]]:
    """How many clients are known, and the latest of them: those that lost records last come first."""
    rows = client_report.c
    order = (rows.dropped_at.is_(None), rows.dropped_at.desc(), rows.reported_at.desc(), rows.client)
    found = connection.execute(select(client_report).order_by(*order).limit(most)).mappings()
    names = [one.name for one in fields(ClientReport)]
    known = [
        KnownClient(ClientReport(**{name: row[name] for name in names}), row["reported_at"], row["dropped_at"])
        for row in found
    ]
    return connection.scalar(select(func.count()).select_from(client_report)) or 0, known


def _forget(connection: Connection, now: datetime) -> None:
    """Make room for a new client."""
    connection.execute(delete(client_report).where(client_report.c.reported_at < now - KEPT))
    count = connection.scalar(select(func.count()).select_from(client_report)) or 0
    if count >= MOST_CLIENTS:
        oldest = select(client_report.c.client).order_by(client_report.c.reported_at).limit(count - MOST_CLIENTS + 1)
        connection.execute(delete(client_report).where(client_report.c.client.in_(oldest.scalar_subquery())))
