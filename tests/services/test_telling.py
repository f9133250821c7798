"""What is told reaches the outbox of every channel, in the caller's transaction."""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy import Engine

from app.core.messages import Kind, Line, Message, from_json
from app.core.severity import Severity
from app.services.telling import tell
from app.storage import outbox
from app.storage.engine import write
from tests.services.measured import START, add_channels, add_version, rows_of


def news(thread: str = "disk", identity: str = "a1") -> Message:
    """Something to know about Watchkeeper itself."""
    said = Line("", "", None, None, "", "The disk has 2 % left.")
    return Message(
        identity,
        thread,
        Kind.NEWS,
        Severity.WARNING,
        "The disk is nearly full",
        "",
        "",
        "disk",
        START,
        None,
        None,
        (said,),
    )


def test_a_message_about_no_model_goes_to_every_channel(engine: Engine) -> None:
    add_channels(engine, [("a", "A"), ("b", "B")])
    with write(engine) as connection:
        identity = tell(connection, news())

    (stored,) = rows_of(engine, "notification")
    assert (stored["id"], stored["version_id"], stored["kind"], stored["thread"]) == (identity, None, "news", "disk")
    assert from_json(stored["message"]) == news()  # type: ignore[arg-type]
    assert [row["notification_id"] for row in rows_of(engine, "delivery")] == [identity, identity]


def test_it_is_told_together_with_what_the_caller_writes_or_not_at_all(engine: Engine) -> None:
    add_channels(engine, [("a", "A")])
    with suppress(ZeroDivisionError), write(engine) as connection:
        tell(connection, news())
        raise ZeroDivisionError

    assert rows_of(engine, "notification") == rows_of(engine, "delivery") == []


def test_messages_of_one_thread_keep_their_order_and_others_do_not_wait(engine: Engine) -> None:
    add_channels(engine, [("a", "A")])
    version_id = add_version(engine)
    with write(engine) as connection:
        for identity, thread in (("1", "disk"), ("2", "disk"), ("3", "queue")):
            tell(connection, news(thread, identity), version_id=version_id if identity == "2" else None)
        channel_id = rows_of(engine, "channel")[0]["id"]
        assert isinstance(channel_id, int)
        claimed = [outbox.claim_delivery(connection, channel_id, START) for _ in range(3)]

    assert [one and one.message.id for one in claimed] == ["1", "3", None]
