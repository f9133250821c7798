"""Messages that a channel has taken and that it is told again as long as what they say stands.

Only the newest message of a thread is: an older one would say what has changed since.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, exists, select, update

from app.core.messages import from_json
from app.storage.channels import is_on
from app.storage.outbox import ClaimedDelivery, SendState
from app.storage.tables import delivery, notification


def channels_to_tell_again(connection: Connection, now: datetime) -> Sequence[int]:
    """Ids of the channels that something stands on which it is time to tell again."""
    return connection.scalars(_due(now, delivery.c.channel_id).distinct().order_by(delivery.c.channel_id)).all()


def claim_standing(connection: Connection, channel_id: int, now: datetime, every: timedelta) -> ClaimedDelivery | None:
    """The message that the channel has waited for longest, which then is due again after `every`; None when none is."""
    d = delivery.c
    row = connection.execute(
        _due(now, d.id, d.attempts, d.receipt, notification.c.message)
        .where(d.channel_id == channel_id)
        .order_by(d.resend_at)
        .limit(1)
        .with_for_update(of=delivery, skip_locked=True)
    ).one_or_none()
    if row is None:
        return None
    connection.execute(update(delivery).where(d.id == row.id).values(resend_at=now + every))
    return ClaimedDelivery(row.id, channel_id, row.attempts, from_json(row.message), row.receipt)


def note_resend(connection: Connection, delivery_id: int, error: str) -> bool:
    """Keep what went wrong with telling it again, if anything; whether that is something new."""
    changed = (delivery.c.id == delivery_id) & (delivery.c.last_error != error)
    return connection.execute(update(delivery).where(changed).values(last_error=error)).rowcount == 1


def _due(now: datetime, *columns: ColumnElement[Any]) -> Select[Any]:
    newer, newer_notification = delivery.alias(), notification.alias()
    is_newest = ~exists(
        select(newer.c.id)
        .join(newer_notification, newer_notification.c.id == newer.c.notification_id)
        .where(
            newer.c.channel_id == delivery.c.channel_id,
            newer.c.id > delivery.c.id,
            newer.c.state != SendState.SUPERSEDED.value,  # never told, so it changed nothing there
            newer_notification.c.thread == notification.c.thread,
        )
    )
    joined = select(*columns).join_from(delivery, notification, notification.c.id == delivery.c.notification_id)
    return joined.where(delivery.c.resend_at <= now, is_on(delivery.c.channel_id), is_newest)
