"""Claims: a row has one sender at a time, and only its present one may say that it failed."""

from __future__ import annotations

import pytest
from sqlalchemy import URL, Engine

from app.services.alerting import alert
from app.storage import outbox
from app.storage.engine import engine_for, write
from app.storage.outbox import CLAIM
from app.storage.tables import delivery
from tests.services.measured import DAY, START, add_channels, add_version, measure, rows_of


def deliveries(engine: Engine, *checks: str) -> int:
    """One delivery per check to one channel; the channel's id."""
    add_channels(engine, [("ops", "SLACK")])
    version_id = add_version(engine)
    for check in checks:
        measure(engine, version_id, "b", check=check, subject="")
    alert(engine, START)
    channel_id = rows_of(engine, "channel")[0]["id"]
    assert isinstance(channel_id, int)
    return channel_id


def test_an_attempt_that_was_overtaken_cannot_say_that_it_failed(engine: Engine) -> None:
    channel_id = deliveries(engine, "volume")
    with write(engine) as connection:
        slow = outbox.claim_delivery(connection, channel_id, START)
        assert slow
        assert outbox.claim_delivery(connection, channel_id, START) is None
        present = outbox.claim_delivery(connection, channel_id, START + CLAIM)
        assert present
    before = rows_of(engine, "delivery")

    with write(engine) as connection:
        outbox.mark_failed(connection, delivery, slow.id, slow.attempts, "too late to matter", None)
    assert rows_of(engine, "delivery") == before

    with write(engine) as connection:
        outbox.mark_failed(connection, delivery, present.id, present.attempts, "refused", START + DAY)
    row = rows_of(engine, "delivery")[0]
    assert (row["last_error"], row["next_attempt_at"], row["attempts"]) == ("refused", START + DAY, 2)


def test_what_was_delivered_stays_so(engine: Engine) -> None:
    channel_id = deliveries(engine, "volume")
    with write(engine) as connection:
        claimed = outbox.claim_delivery(connection, channel_id, START)
        assert claimed
        outbox.mark_delivered(connection, delivery, claimed.id, START)
        outbox.mark_failed(connection, delivery, claimed.id, claimed.attempts, "refused", None)

    row = rows_of(engine, "delivery")[0]
    assert (row["state"], row["last_error"]) == ("delivered", "")


@pytest.mark.postgres
def test_nobody_waits_for_a_row_that_another_is_claiming(postgres_url: URL) -> None:
    engine = engine_for(postgres_url)
    channel_id = deliveries(engine, "volume", "staleness")
    with write(engine) as one, write(engine) as other:
        first = outbox.claim_delivery(one, channel_id, START)
        second = outbox.claim_delivery(other, channel_id, START)
        third = outbox.claim_delivery(other, channel_id, START)

    assert first
    assert second
    assert first.id != second.id
    assert third is None
    engine.dispose()
