"""To tell somebody something: a message and its deliveries, in the transaction of what it is about."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from app.core.messages import Message
from app.services.routing import RouteBook
from app.storage import notifications, outbox


def tell(
    connection: Connection,
    message: Message,
    *,
    version_id: int | None = None,
    to: Sequence[int] | None = None,
    in_digest: bool = False,
) -> int:
    """Put the message into the outbox of every channel that hears of it; the notification's id.

    Written by the caller's transaction: what it is about and the message are stored together or not at all.
    `version_id` is that of the version that the message is about; None: it is about a model as a whole, or none. `to`:
    ids of the channels, where they are not the message's audience. `in_digest`: a channel is told of it in its digest.
    """
    notification_id = notifications.add_notification(connection, message, version_id, in_digest=in_digest)
    outbox.add_deliveries(connection, notification_id, audience(connection, message) if to is None else to, message.at)
    return notification_id


def audience(connection: Connection, message: Message) -> Sequence[int]:
    """Ids of the channels that hear of it, by the routes; news waits for no digest."""
    book = RouteBook.read(connection)
    segments = [line.segment for line in message.lines]
    routing = book.routing(message.model, message.check, message.severity, segments, alert=False)
    return book.ids(routing.at_once)
