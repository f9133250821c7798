"""Everything that could not be delivered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, or_, select

from app.storage import tables
from app.storage.catalogue import find_model
from app.storage.engine import read

DELIVERED = "delivered"


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A message that a channel has not accepted after at least one attempt."""

    channel: str
    kind: str
    title: str
    state: str
    attempts: int
    last_error: str
    created_at: datetime
    next_attempt_at: datetime


def undelivered(engine: Engine, model: str | None = None, *, most: int = 20) -> list[Undelivered]:
    """Messages about the model (None: all models) that are tried again or were given up, newest first."""
    delivery, notification, channel = tables.delivery.c, tables.notification.c, tables.channel.c
    query = (
        select(
            channel.name,
            channel.kind,
            notification.message,
            delivery.state,
            delivery.attempts,
            delivery.last_error,
            delivery.created_at,
            delivery.next_attempt_at,
        )
        .select_from(
            tables.delivery.join(tables.channel)
            .join(tables.notification)
            .outerjoin(tables.version)
            .outerjoin(tables.model)
        )
        .where(delivery.state != DELIVERED, or_(delivery.attempts > 0, delivery.last_error != ""))
        .order_by(delivery.created_at.desc(), delivery.id.desc())
        .limit(most)
    )
    with read(engine) as connection:
        if model is not None:
            query = query.where(tables.model.c.id == find_model(connection, model).id)
        rows = connection.execute(query).all()
    return [Undelivered(name, kind, message.get("title", ""), *rest) for name, kind, message, *rest in rows]
