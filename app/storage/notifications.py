"""Messages as they are stored: one row each, whoever is told."""

from __future__ import annotations

from sqlalchemy import Connection, insert

from app.core.messages import Message, to_json
from app.storage.tables import notification


def add_notification(
    connection: Connection, message: Message, version_id: int | None, *, in_digest: bool = False
) -> int:
    """Store what is to be told; its id. `version_id` is that of the version that the message is about, if any.

    `in_digest`: a channel is told of it in its digest.
    """
    values = {
        "version_id": version_id,
        "check": message.check,
        "kind": message.kind.value,
        "thread": message.thread,
        "message": to_json(message),
        "created_at": message.at,
        "in_digest": in_digest,
    }
    identity: int = connection.execute(insert(notification).values(values).returning(notification.c.id)).scalar_one()
    return identity
