"""Digests of what can wait: one message per channel and period, written exactly once, however late."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, and_, or_

from app.core.alerting import State
from app.core.digest_schedule import Schedule
from app.core.digests import DigestAlert, Part, digest
from app.core.messages import Message
from app.core.severity import Severity, worst
from app.services.channels import takes_digests
from app.services.read_models.alert_rows import alert_rows
from app.services.routing import RouteBook
from app.services.telling import tell
from app.storage import channels, digests, tables
from app.storage.alerts import is_open
from app.storage.engine import read, write


@dataclass(frozen=True, slots=True)
class DigestSummary:
    """How many digests were written."""

    digests: int = 0


def write_digests(engine: Engine, now: datetime, plan: Schedule | None, *, public_url: str = "") -> DigestSummary:
    """Put the digest that is due into the outbox of each channel that has something to hear; twice does nothing more.

    It tells of everything since the one before, also when no worker ran at the time.
    """
    if plan is None:
        return DigestSummary()
    due = plan.last_due(now)
    with read(engine) as connection:
        if not _is_due(connection, due):
            return DigestSummary()
    with write(engine) as connection:
        since = _since(connection, plan, due)
        if not _is_due(connection, due) or not digests.claim_digest(connection, due, since, now):
            return DigestSummary()
        messages = _messages(connection, plan, since, now, public_url)
        for channel_id, message in messages:
            tell(connection, message, to=[channel_id])
    return DigestSummary(len(messages))


def preview(engine: Engine, now: datetime, plan: Schedule, *, public_url: str = "") -> list[tuple[str, Message]]:
    """The digests as they would be now, by name of channel; nothing is written."""
    with read(engine) as connection:
        names = {one.id: one.name for one in channels.list_channels(connection)}
        since = _since(connection, plan, now)
        return [(names[identity], message) for identity, message in _messages(connection, plan, since, now, public_url)]


def _is_due(connection: Connection, due: datetime) -> bool:
    last = digests.last_digest(connection)
    return last is None or last[0] < due


def _since(connection: Connection, plan: Schedule, due: datetime) -> datetime:
    last = digests.last_digest(connection)
    return last[1] if last else due - plan.period


def _messages(
    connection: Connection, plan: Schedule, since: datetime, now: datetime, public_url: str
) -> list[tuple[int, Message]]:
    book = RouteBook.read(connection, digests=True)
    hearers = [one for one in channels.list_channels(connection) if one.off is None and takes_digests(one.kind)]
    told: dict[str, list[DigestAlert]] = {one.name: [] for one in hearers}
    for group in _groups(_happened(connection, since, now)):
        for name in _audience(book, group):
            if name in told:
                told[name] += group
    link = f"{public_url.rstrip('/')}/alerts" if public_url else ""
    composed = [
        (one.id, digest(told[one.name], identity=uuid.uuid4().hex, plan=plan, since=since, now=now, link=link))
        for one in hearers
    ]
    return [(identity, message) for identity, message in composed if message]


def _happened(connection: Connection, since: datetime, now: datetime) -> list[DigestAlert]:
    """The alerts that fire, or ended from `since` on, without those that are silenced."""
    a = tables.alert.c
    ended = and_(a.state == State.RESOLVED.value, a.changed_at >= since)
    began = digests.fired_since(connection, since)
    rows = alert_rows(connection, [or_(is_open(), ended)], now)
    return [_alert(row, began) for row in rows if not row["silenced_by"]]


def _alert(row: Mapping[str, Any], began: set[int]) -> DigestAlert:
    part = Part.OVER if row["state"] == State.RESOLVED.value else Part.BEGAN if row["id"] in began else Part.GOES_ON
    return DigestAlert(
        part=part,
        model=row["model"] or "",
        version=row["version"] or "",
        check=row["check"],
        subject=row["subject"],
        segment=row["segment"] or "",
        severity=Severity(row["severity"]),
        excess=row["excess"],
        value=row["value"],
        limit=row["limit"],
        since=row["since"] or row["judged_window"],
    )


def _groups(alerts: Sequence[DigestAlert]) -> list[list[DigestAlert]]:
    """The alerts of each check of each version, which are routed together."""
    together: dict[tuple[str, str, str], list[DigestAlert]] = {}
    for one in alerts:
        together.setdefault((one.model, one.version, one.check), []).append(one)
    return list(together.values())


def _audience(book: RouteBook, group: Sequence[DigestAlert]) -> tuple[str, ...]:
    """Whoever hears of the check, at once or not: a digest also says how things stand that were told before."""
    severity = worst(one.severity for one in group)
    routing = book.routing(group[0].model, group[0].check, severity, [one.segment for one in group])
    return routing.at_once + routing.in_digest
