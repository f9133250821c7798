"""A channel that is off hears of nothing, and no alert or end is lost by that. On both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from app.core.delivery import Off
from app.core.digest_schedule import Schedule
from app.core.errors import ConflictError, InvalidError, NotFoundError
from app.core.routing import Route, RouteMatch
from app.core.self_watch import Outbox
from app.core.severity import Severity
from app.services.acknowledging import acknowledge
from app.services.alerting import alert
from app.services.channels import Switched, list_channels, retry_dead, switch_off, switch_on
from app.services.delivery import deliver
from app.services.digests import write_digests
from app.services.routing import add_route, explain, list_routes
from app.services.self_watch import read_facts
from app.services.sending import SendSummary
from app.settings import Settings
from app.storage import outbox, tables
from app.storage.engine import read, write
from app.storage.self_watch import channel_facts
from tests.receivers import http_receiver
from tests.services.measured import DAY, START, add_channels, add_version, measure, rows_of

NOW = START + 30 * DAY
HOUR = timedelta(hours=1)


@pytest.fixture
def version_id(engine: Engine) -> int:
    add_channels(engine, [("mail", "MAIL"), ("ops", "OPS")])
    return add_version(engine)


def outbox_of(engine: Engine, name: str) -> list[tuple[str, str]]:
    """(kind of message, where it stands) of all that was ever put into the channel's outbox."""
    n, d, c = tables.notification.c, tables.delivery.c, tables.channel.c
    joined = tables.delivery.join(tables.notification).join(tables.channel)
    with read(engine) as connection:
        rows = connection.execute(
            joined.select().where(c.name == name).order_by(d.id).with_only_columns(n.kind, d.state)
        )
        return [(row.kind, row.state) for row in rows]


def taken(engine: Engine, now: Any) -> None:
    """Every channel that is on takes what is due."""
    for channel in rows_of(engine, "channel"):
        with write(engine) as connection:
            while claimed := outbox.claim_delivery(connection, channel["id"], now):  # type: ignore[arg-type]
                outbox.mark_delivered(connection, tables.delivery, claimed.id, now)


def test_it_says_who_switched_it_off_when_and_why_until_it_is_on(engine: Engine, version_id: int) -> None:
    assert switch_off(engine, NOW, "ops", author=" ann ", reason="the room is moved") == Switched(0, nobody_told=False)

    mail, ops = list_channels(engine)
    assert (mail.off, ops.off) == (None, Off(NOW, "ann", "the room is moved"))
    assert ops.off
    assert ops.off.words == "off since 2026-03-31 00:00 UTC by ann (the room is moved)"
    with pytest.raises(ConflictError, match=r"is off since 2026-03-31 00:00 UTC by ann .* already"):
        switch_off(engine, NOW, "ops", author="bob")
    with pytest.raises(ConflictError, match="switch it on to send again"):
        retry_dead(engine, NOW, "ops")
    assert switch_off(engine, NOW, "mail", author="bob").nobody_told

    assert switch_on(engine, "ops") == Switched(0, nobody_told=False)
    assert [one.off is None for one in list_channels(engine)] == [False, True]
    with pytest.raises(ConflictError, match="'ops' is on already"):
        switch_on(engine, "ops")
    with pytest.raises(NotFoundError, match="no channel 'pager'"):
        switch_on(engine, "pager")


@pytest.mark.parametrize(
    ("author", "reason", "field"), [(" ", "", "author"), ("a\nb", "", "author"), ("a", "\0", "reason")]
)
def test_who_and_why_are_texts(engine: Engine, version_id: int, author: str, reason: str, field: str) -> None:
    with pytest.raises(InvalidError, match=field):
        switch_off(engine, NOW, "ops", author=author, reason=reason)
    assert all(one.off is None for one in list_channels(engine))


def test_what_waits_is_taken_back_and_nothing_is_queued_while_it_is_off(engine: Engine, version_id: int) -> None:
    measure(engine, version_id, "b")
    alert(engine, NOW)
    assert switch_off(engine, NOW, "ops", author="ann").taken_back == 1

    alert(engine, NOW + 4 * HOUR)
    assert outbox_of(engine, "ops") == [("firing", "superseded")]

    switch_on(engine, "ops")
    alert(engine, NOW + 8 * HOUR)
    taken(engine, NOW + 8 * HOUR)
    assert outbox_of(engine, "ops") == [("firing", "superseded"), ("repeated", "delivered")]


def test_the_end_of_what_it_has_got_waits_for_it_and_its_hand_does_not(engine: Engine, version_id: int) -> None:
    measure(engine, version_id, "b")
    alert(engine, NOW)
    taken(engine, NOW)
    switch_off(engine, NOW, "ops", author="ann")
    acknowledge(engine, NOW + HOUR, [1], author="ann")
    alert(engine, NOW + HOUR)
    measure(engine, version_id, "o", first_day=1)
    alert(engine, NOW + 2 * HOUR)
    taken(engine, NOW + 2 * HOUR)

    assert outbox_of(engine, "ops") == [("firing", "delivered"), ("resolved", "pending")]
    with read(engine) as connection:  # that it waits is no fault
        assert channel_facts(connection, NOW + DAY)[1] == Outbox("ops", off=Off(NOW, "ann"))

    assert switch_on(engine, "ops").taken_back == 0
    taken(engine, NOW + DAY)
    assert outbox_of(engine, "ops")[-1] == ("resolved", "delivered")


def test_the_end_of_what_came_or_may_have_come_waits(engine: Engine, version_id: int) -> None:
    for check in ("volume", "staleness"):
        measure(engine, version_id, "b", check=check, subject="")
    alert(engine, NOW)
    ops = list_channels(engine)[1]
    with write(engine) as connection:
        channel_id = next(row["id"] for row in rows_of(engine, "channel") if row["name"] == ops.name)
        first = outbox.claim_delivery(connection, channel_id, NOW)  # type: ignore[arg-type]
        second = outbox.claim_delivery(connection, channel_id, NOW)  # type: ignore[arg-type]
        assert first
        assert second
        outbox.mark_delivered(connection, tables.delivery, first.id, NOW)  # the second is still tried
    for check in ("volume", "staleness"):
        measure(engine, version_id, "o", check=check, subject="", first_day=1)
    alert(engine, NOW + HOUR)

    assert switch_off(engine, NOW, "ops", author="ann").taken_back == 1  # the second alarm: its answer may be lost

    states = sorted(outbox_of(engine, "ops"))
    assert states == [
        ("firing", "delivered"),
        ("firing", "superseded"),
        ("resolved", "pending"),
        ("resolved", "pending"),
    ]


def test_no_end_is_told_of_what_fires_again_meanwhile(engine: Engine, version_id: int) -> None:
    measure(engine, version_id, "b")
    alert(engine, NOW)
    taken(engine, NOW)
    switch_off(engine, NOW, "ops", author="ann")
    measure(engine, version_id, "o", first_day=1)
    alert(engine, NOW + HOUR)
    measure(engine, version_id, "b", first_day=2)
    alert(engine, NOW + 2 * HOUR)
    assert outbox_of(engine, "ops") == [("firing", "delivered"), ("resolved", "pending")]

    assert switch_on(engine, "ops").taken_back == 1
    measure(engine, version_id, "o", first_day=3)
    alert(engine, NOW + 3 * HOUR)
    taken(engine, NOW + 3 * HOUR)

    assert outbox_of(engine, "ops") == [("firing", "delivered"), ("resolved", "superseded"), ("resolved", "delivered")]


def test_whoever_it_was_escalated_to_while_off_hears_with_the_next_repetition(engine: Engine, version_id: int) -> None:
    route = Route(RouteMatch(), ("mail",), escalate_after=HOUR, escalate_to=("ops",))
    add_route(engine, NOW, route, author="ann")
    measure(engine, version_id, "b")
    alert(engine, NOW)
    switch_off(engine, NOW, "ops", author="ann")
    alert(engine, NOW + 2 * HOUR)
    switch_on(engine, "ops")
    assert outbox_of(engine, "ops") == []

    alert(engine, NOW + 8 * HOUR)
    taken(engine, NOW + 8 * HOUR)
    alert(engine, NOW + 16 * HOUR)

    assert outbox_of(engine, "ops") == [("repeated", "delivered")]


def test_what_only_it_would_hear_of_goes_on_and_routes_say_that_it_is_off(engine: Engine, version_id: int) -> None:
    add_route(engine, NOW, Route(RouteMatch(model="delay"), ("ops",)), author="ann")
    switch_off(engine, NOW, "ops", author="ann")

    assert explain(engine, "delay", "volume", Severity.WARNING, digests=False)["at_once"] == ("mail",)
    (row,) = list_routes(engine)
    assert (row["missing"], row["off"]) == ([], ["ops"])
    measure(engine, version_id, "b")
    alert(engine, NOW)
    assert outbox_of(engine, "mail") == [("firing", "pending")]


def test_it_gets_no_digest(engine: Engine, version_id: int) -> None:
    measure(engine, version_id, "ob")
    alert(engine, NOW)
    switch_off(engine, NOW, "ops", author="ann")

    assert write_digests(engine, NOW, Schedule(NOW.time())).digests == 1
    assert [kind for kind, _ in outbox_of(engine, "mail")] == ["firing", "digest"]


def test_the_worker_sends_nothing_to_it(engine: Engine, version_id: int) -> None:
    settings = Settings(allow_private_targets=True)
    with http_receiver() as receiver:
        measure(engine, version_id, "b")
        alert(engine, NOW)
        switch_off(engine, NOW, "mail", author="ann")
        with write(engine) as connection:  # as if it had been switched off amid the telling
            connection.execute(tables.delivery.update().values(state="pending"))
        environment = {"OPS": receiver.url("/ops"), "MAIL": receiver.url("/mail")}

        assert deliver(engine, NOW, settings, environment=environment) == SendSummary(delivered=1)
        assert [request.path for request in receiver.received] == ["/ops"]
        assert switch_on(engine, "mail").taken_back == 1


def test_its_secrets_need_not_be_there(engine: Engine, version_id: int) -> None:
    settings = Settings()
    switch_off(engine, NOW, "ops", author="ann")

    missing = read_facts(engine, settings, NOW, {}).missing_secrets
    assert [one.owner for one in missing] == ["channel mail"]
