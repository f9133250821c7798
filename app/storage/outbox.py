"""What waits to be sent: deliveries of messages to channels, and actions. Both tables have the same life.

A row is claimed by moving its next attempt into the future, so that whoever dies while sending gives it back by itself,
and nobody else sends it meanwhile. It is marked only after the other side has answered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, Table, case, exists, func, insert, select, update

from app.core.messages import Kind, Message, from_json
from app.storage.channels import is_on, lock_channels
from app.storage.tables import action, delivery, notification, target
from app.storage.targets import StoredTarget

CLAIM = timedelta(minutes=5)
"""How long a claimed row belongs to its sender; far longer than the slowest attempt."""
_Value = TypeVar("_Value")
_AT_ONCE = 500
"""Values of one statement: databases take only so many."""


class SendState(StrEnum):
    """Where a row of the outbox stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"
    SUPERSEDED = "superseded"  # nothing was sent, and there is nothing to say any more


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A message that is ours to send. `attempts` counts this one.

    `thread` is the receipt of the newest message of its thread that the channel has taken; empty when there is none.
    """

    id: int
    channel_id: int
    attempts: int
    message: Message
    thread: str = ""


@dataclass(frozen=True, slots=True)
class ClaimedAction:
    """A request that is ours to send. `attempts` counts this one; `target` None: it has been removed."""

    id: int
    kind: str
    attempts: int
    webhook_id: str
    payload: str
    target: StoredTarget | None


@dataclass(frozen=True, slots=True)
class NewAction:
    """A request to a target about a version of a model. `webhook_id` is what its receiver knows it by.

    `payload` is an envelope of `app.core.webhooks`. At most one action of a kind is made of one `transition_id`.
    """

    kind: str
    target_id: int
    model_id: int
    version_id: int
    webhook_id: str
    payload: str
    reason: str
    transition_id: int | None = None


def add_action(connection: Connection, new: NewAction, now: datetime) -> int:
    """Put a request into the outbox, due at once; its id."""
    values = {**asdict(new), "state": SendState.PENDING.value, "next_attempt_at": now, "created_at": now}
    made: int = connection.execute(insert(action).values(values).returning(action.c.id)).scalar_one()
    return made


def add_deliveries(connection: Connection, notification_id: int, channel_ids: Sequence[int], now: datetime) -> None:
    """One delivery of the notification for each of the channels, due at once."""
    rows = [
        {
            "notification_id": notification_id,
            "channel_id": channel_id,
            "state": SendState.PENDING.value,
            "next_attempt_at": now,
            "created_at": now,
        }
        for channel_id in channel_ids
    ]
    if rows:
        connection.execute(insert(delivery), rows)


def supersede(connection: Connection, thread: str) -> None:
    """Take back what the thread says, as far as nobody has begun to send it."""
    unsent = (delivery.c.state == SendState.PENDING.value) & (delivery.c.attempts == 0)
    said = delivery.c.notification_id.in_(select(notification.c.id).where(notification.c.thread == thread))
    lock_channels(connection, connection.scalars(select(delivery.c.channel_id).where(unsent, said).distinct()))
    connection.execute(update(delivery).where(unsent, said).values(state=SendState.SUPERSEDED.value))


def take_back(connection: Connection, channel_id: int) -> int:
    """Take back what waits for the channel; how many. The end of what it has got, or may have got, stays, so that
    nothing stands open there for ever; unless the thread has begun anew since.
    """
    lock_channels(connection, [channel_id])
    mine, pending = delivery.c.channel_id == channel_id, delivery.c.state == SendState.PENDING.value
    joined = delivery.join(notification, notification.c.id == delivery.c.notification_id)
    query = select(delivery.c.id, notification.c.message).select_from(joined).where(mine, pending)
    # Locked, or what is delivered meanwhile would be said to have been taken back.
    rows = connection.execute(query.order_by(delivery.c.id).with_for_update(of=delivery))
    waiting = [(row.id, from_json(row.message)) for row in rows]
    ends = {message.thread for _, message in waiting if message.ends}
    kept = _threads_begun(connection, channel_id, sorted(ends)) - _threads_that_stand(connection, sorted(ends))
    dropped = [row_id for row_id, message in waiting if not (message.ends and message.thread in kept)]
    for part in _portions(dropped):
        these = delivery.c.id.in_(part)
        connection.execute(update(delivery).where(these).values(state=SendState.SUPERSEDED.value))
    return len(dropped)


def _threads_begun(connection: Connection, channel_id: int, threads: Sequence[str]) -> set[str]:
    """Those of the threads of which the channel has, or may have, taken something."""
    joined = delivery.join(notification, notification.c.id == delivery.c.notification_id)
    tried = (delivery.c.state == SendState.PENDING.value) & (delivery.c.attempts > 0)
    query = select(notification.c.thread).select_from(joined)
    query = query.where(delivery.c.channel_id == channel_id, _maybe_taken() | tried)
    found: set[str] = set()
    for part in _portions(threads):
        found.update(connection.scalars(query.where(notification.c.thread.in_(part))))
    return found


def _threads_that_stand(connection: Connection, threads: Sequence[str]) -> set[str]:
    """Those of the threads whose newest message, to whomever, is not their end."""
    n = notification.c
    found: set[str] = set()
    for part in _portions(threads):
        newest = select(func.max(n.id)).where(n.thread.in_(part)).group_by(n.thread)
        rows = connection.execute(select(n.thread, n.message).where(n.id.in_(newest)))
        found.update(row.thread for row in rows if not from_json(row.message).ends)
    return found


def _portions(values: Sequence[_Value]) -> Iterator[Sequence[_Value]]:
    return (values[at : at + _AT_ONCE] for at in range(0, len(values), _AT_ONCE))


def _maybe_taken() -> ColumnElement[bool]:
    """Delivered; or tried and then taken back, when the channel may have it although no answer came."""
    d = delivery.c
    tried = (d.state == SendState.SUPERSEDED.value) & (d.attempts > 0)
    return (d.state == SendState.DELIVERED.value) | tried


def channels_left_open(connection: Connection, thread: str) -> Sequence[int]:
    """Ids of the channels to which the newest message of the thread that they have, or are to get, is not its end."""
    d = delivery.c
    told = _maybe_taken() | (d.state == SendState.PENDING.value)
    joined = delivery.join(notification, notification.c.id == d.notification_id)
    newest = select(func.max(d.id)).select_from(joined).where(told, notification.c.thread == thread)
    query = select(d.channel_id, notification.c.message).select_from(joined).order_by(d.channel_id)
    rows = connection.execute(query.where(d.id.in_(newest.group_by(d.channel_id))))
    return [row.channel_id for row in rows if not from_json(row.message).ends]


def channels_that_wait(connection: Connection, thread: str) -> Sequence[int]:
    """Ids of the channels to which something that the thread said is still to be sent."""
    joined = delivery.join(notification, notification.c.id == delivery.c.notification_id)
    pending = (delivery.c.state == SendState.PENDING.value) & (notification.c.thread == thread)
    return connection.scalars(select(delivery.c.channel_id).select_from(joined).where(pending).distinct()).all()


def channels_with_due_deliveries(connection: Connection, now: datetime) -> Sequence[int]:
    """Ids of the channels that are on and that something is due for."""
    due = select(delivery.c.channel_id).where(
        delivery.c.state == SendState.PENDING.value, delivery.c.next_attempt_at <= now, is_on(delivery.c.channel_id)
    )
    return connection.scalars(due.distinct().order_by(delivery.c.channel_id)).all()


def claim_delivery(connection: Connection, channel_id: int, now: datetime) -> ClaimedDelivery | None:
    """The channel's oldest due delivery that no older one of the same thread must precede; None while it is off."""
    older, older_notification = delivery.alias(), notification.alias()
    waits_for_older = exists(
        select(older.c.id)
        .join(older_notification, older_notification.c.id == older.c.notification_id)
        .where(
            older.c.channel_id == delivery.c.channel_id,
            older.c.state == SendState.PENDING.value,
            older.c.id < delivery.c.id,
            older_notification.c.thread == notification.c.thread,
        )
    )
    row = connection.execute(
        select(delivery.c.id, delivery.c.attempts, notification.c.message)
        .join(notification, notification.c.id == delivery.c.notification_id)
        .where(
            delivery.c.channel_id == channel_id,
            delivery.c.state == SendState.PENDING.value,
            delivery.c.next_attempt_at <= now,
            is_on(delivery.c.channel_id),
            ~waits_for_older,
        )
        .order_by(delivery.c.id)
        .limit(1)
        .with_for_update(of=delivery, skip_locked=True)
    ).one_or_none()
    if row is None:
        return None
    _claim(connection, delivery, [row.id], now)
    message = from_json(row.message)
    return ClaimedDelivery(row.id, channel_id, row.attempts + 1, message, receipt(connection, channel_id, message))


def receipt(connection: Connection, channel_id: int, message: Message) -> str:
    """What the channel gave for the newest message of the thread that it has taken; empty when there is none."""
    taken = (
        select(delivery.c.receipt)
        .join(notification, notification.c.id == delivery.c.notification_id)
        .where(
            delivery.c.channel_id == channel_id,
            delivery.c.state == SendState.DELIVERED.value,
            notification.c.thread == message.thread,
        )
        .order_by(delivery.c.id.desc())
    )
    return connection.scalar(taken.limit(1)) or ""


def claim_actions(connection: Connection, now: datetime, most: int) -> list[ClaimedAction]:
    """Up to `most` due actions, oldest first."""
    rows = connection.execute(
        select(action, target.c.name, target.c.preset, target.c.config)
        .outerjoin(target, target.c.id == action.c.target_id)
        .where(action.c.state == SendState.PENDING.value, action.c.next_attempt_at <= now)
        .order_by(action.c.id)
        .limit(most)
        .with_for_update(of=action, skip_locked=True)
    ).all()
    _claim(connection, action, [row.id for row in rows], now)
    return [_claimed(row) for row in rows]


def _claimed(row: Row[Any]) -> ClaimedAction:
    known = None if row.target_id is None else StoredTarget(row.target_id, row.name, row.preset, row.config)
    return ClaimedAction(row.id, row.kind, row.attempts + 1, row.webhook_id, row.payload, known)


def has_due_actions(connection: Connection, now: datetime) -> bool:
    """Whether any action is due."""
    due = select(action.c.id).where(action.c.state == SendState.PENDING.value, action.c.next_attempt_at <= now)
    return connection.execute(due.limit(1)).first() is not None


def _claim(connection: Connection, table: Table, ids: Sequence[int], now: datetime) -> None:
    values: dict[Any, Any] = {"attempts": table.c.attempts + 1, "next_attempt_at": now + CLAIM}
    connection.execute(update(table).where(table.c.id.in_(ids)).values(values))


def mark_delivered(connection: Connection, table: Table, row_id: int, now: datetime, note: str = "") -> None:
    """The other side has it, whoever else may be trying: that is final."""
    values = {"state": SendState.DELIVERED.value, "delivered_at": now, "last_error": note}
    connection.execute(update(table).where(table.c.id == row_id).values(values))


def keep_receipt(connection: Connection, delivery_id: int, receipt: str, resend_at: datetime | None) -> None:
    """What the channel wants back with the next message of the thread, and when it is to be told this one again."""
    values = {"receipt": receipt, "resend_at": resend_at}
    connection.execute(update(delivery).where(delivery.c.id == delivery_id).values(values))


def arrived(connection: Connection, webhook_id: str, now: datetime) -> None:
    """Who was to get the action has it, as it says itself: it is not sent any more."""
    mine = (action.c.webhook_id == webhook_id) & (action.c.state == SendState.PENDING.value)
    values = {"state": SendState.DELIVERED.value, "delivered_at": now}
    connection.execute(update(action).where(mine).values(values))


def give_up(connection: Connection, webhook_id: str, why: str) -> None:
    """Send the action no more."""
    mine = (action.c.webhook_id == webhook_id) & (action.c.state == SendState.PENDING.value)
    connection.execute(update(action).where(mine).values(state=SendState.DEAD.value, last_error=why))


def send_again(connection: Connection, webhook_id: str, now: datetime) -> None:
    """Send an action that was given up once more, from the first attempt on, as the same."""
    mine = (action.c.webhook_id == webhook_id) & (action.c.state == SendState.DEAD.value)
    values = {"state": SendState.PENDING.value, "attempts": 0, "next_attempt_at": now}
    connection.execute(update(action).where(mine).values(values))


def mark_failed(
    connection: Connection, table: Table, row_id: int, attempts: int, error: str, next_attempt_at: datetime | None
) -> None:
    """This attempt failed; None gives up. Does nothing when the claim ran out and another attempt has begun."""
    values: dict[str, Any] = {"last_error": error}
    values |= {"state": SendState.DEAD.value} if next_attempt_at is None else {"next_attempt_at": next_attempt_at}
    mine = (table.c.id == row_id) & (table.c.attempts == attempts) & (table.c.state == SendState.PENDING.value)
    connection.execute(update(table).where(mine).values(values))


def hold_channel(connection: Connection, channel_id: int, until: datetime) -> None:
    """Nothing goes to the channel before `until`: it said that it is sent too much."""
    lock_channels(connection, [channel_id])
    earlier = (
        (delivery.c.channel_id == channel_id)
        & (delivery.c.state == SendState.PENDING.value)
        & (delivery.c.next_attempt_at < until)
    )
    connection.execute(update(delivery).where(earlier).values(next_attempt_at=until))


def revive(connection: Connection, channel_id: int, now: datetime) -> int:
    """Let the channel's dead deliveries be tried again from the first attempt on; how many.

    Those are left dead that a newer message of their thread has overtaken, and those whose alerts have resolved since:
    an alert told after its resolve would stand open for ever.
    """
    newer, newer_notification = delivery.alias(), notification.alias()
    mine = select(notification.c.thread).where(notification.c.id == delivery.c.notification_id)
    thread = mine.correlate(delivery).scalar_subquery()
    resolved = exists(
        select(newer_notification.c.id).where(
            newer_notification.c.thread == thread,
            newer_notification.c.kind == Kind.RESOLVED.value,
            newer_notification.c.id > delivery.c.notification_id,
        )
    )
    overtaken = exists(
        select(newer.c.id)
        .join(newer_notification, newer_notification.c.id == newer.c.notification_id)
        .where(
            newer.c.channel_id == channel_id,
            newer.c.state == SendState.DELIVERED.value,
            newer.c.id > delivery.c.id,
            newer_notification.c.thread == thread,
        )
    )
    lock_channels(connection, [channel_id])
    dead = (delivery.c.channel_id == channel_id) & (delivery.c.state == SendState.DEAD.value)
    values = {"state": SendState.PENDING.value, "attempts": 0, "next_attempt_at": now}
    return connection.execute(update(delivery).where(dead & ~overtaken & ~resolved).values(values)).rowcount


@dataclass(frozen=True, slots=True)
class Backlog:
    """How the deliveries of one channel stand: how many wait, how many were given up, and the newest error."""

    pending: int = 0
    dead: int = 0
    last_delivered_at: datetime | None = None
    last_error: str = ""


def backlogs(connection: Connection) -> dict[int, Backlog]:
    """How the deliveries stand, by channel id. The error is the newest delivery's that has one."""
    d = delivery.c
    counts = select(
        d.channel_id,
        func.sum(case((d.state == SendState.PENDING.value, 1), else_=0)),
        func.sum(case((d.state == SendState.DEAD.value, 1), else_=0)),
        func.max(d.delivered_at),
        func.max(case((d.last_error != "", d.id))),
    ).group_by(d.channel_id)
    rows = connection.execute(counts).all()
    newest = [row[4] for row in rows if row[4] is not None]
    errors = connection.execute(select(d.id, d.last_error).where(d.id.in_(newest)))
    texts = {row.id: row.last_error for row in errors}
    return {row[0]: Backlog(int(row[1]), int(row[2]), row[3], texts.get(row[4], "")) for row in rows}
