"""Those who change several messages of a channel at once wait for their turn, and never for each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from time import sleep
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import URL, Engine, event, select, text, update

from app.core.delivery import Off, Retry
from app.core.errors import ConflictError
from app.core.routing import Route, RouteMatch
from app.services import delivery as sending
from app.services.channels import Switched, switch_off
from app.services.sending import settle
from app.settings import Settings
from app.storage import channels, outbox
from app.storage.channels import find_channel, lock_channels
from app.storage.engine import engine_for, read, write
from app.storage.routes import add_route, list_routes, move_route
from app.storage.tables import delivery, notification
from tests.services.measured import START, rows_of
from tests.storage.test_outbox import deliveries

pytestmark = pytest.mark.postgres
LATER = START + timedelta(minutes=10)


@pytest.fixture
def engine(postgres_url: URL) -> Iterator[Engine]:
    engine = engine_for(postgres_url)
    yield engine
    engine.dispose()


def test_a_channel_is_switched_off_while_it_says_that_it_is_sent_too_much(engine: Engine) -> None:
    """The answer is about the second message, and holds back the first one, too, that the other takes back first."""
    deliveries(engine, "volume", "staleness")
    first = rows_of(engine, "delivery")[0]["id"]
    with write(engine) as connection:
        connection.execute(update(delivery).where(delivery.c.id == first).values(next_attempt_at=LATER))

    with ThreadPoolExecutor(1) as pool:
        off: list[Future[Switched]] = []

        def settled(*arguments: Any) -> Any:
            state = settle(*arguments)
            off.append(pool.submit(switch_off, engine, START, "ops", author="ann"))
            until_it_waits(engine)
            return state

        answer = Retry("too many", timedelta(hours=1))
        with (
            patch.object(sending, "settle", autospec=True, side_effect=settled),
            patch.object(sending, "_send", autospec=True, return_value=answer),
        ):
            send(engine, START)
        assert off[0].result(60).taken_back == 2
    assert {row["state"] for row in rows_of(engine, "delivery")} == {"superseded"}


def test_of_two_who_switch_a_channel_off_the_later_one_is_told_so(engine: Engine) -> None:
    deliveries(engine, "volume")
    with ThreadPoolExecutor(1) as pool:
        with write(engine) as connection:
            lock_channels(connection, [find_channel(connection, "ops").id])
            later = pool.submit(switch_off, engine, LATER, "ops", author="bob")
            until_it_waits(engine)
            channels.switch_off(connection, find_channel(connection, "ops").id, Off(START, "ann", ""))
        with pytest.raises(ConflictError, match="by ann"):
            later.result(60)


def test_rules_are_moved_by_two_at_once(engine: Engine) -> None:
    """The later one begins while the earlier one has numbered the second rule anew, and not yet the first."""
    with write(engine) as connection:
        first, second = (add_route(connection, Route(RouteMatch(), ("ops",)), n, "ann", START) for n in (1, 2))
    with ThreadPoolExecutor(1) as pool:
        others: list[Future[None]] = []

        def another_comes(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            if statement.startswith("UPDATE route") and not others:
                others.append(pool.submit(move, engine, first, 1))
                until_it_waits(engine)

        event.listen(engine, "after_cursor_execute", another_comes)
        move(engine, second, 1)
        others[0].result(60)
    with read(engine) as connection:
        assert [rule.id for rule in list_routes(connection)] == [first, second]


def move(engine: Engine, route: int, position: int) -> None:
    with write(engine) as connection:
        move_route(connection, route, position)


def send(engine: Engine, now: datetime) -> None:
    sending.deliver(engine, now, Settings(), environment={}, spaced=False)


def test_a_channel_is_switched_off_while_alerts_of_it_end(engine: Engine) -> None:
    """They end in another order than that in which their messages are taken back."""
    channel_id = deliveries(engine, "volume", "staleness")
    with read(engine) as connection:
        threads = connection.scalars(select(notification.c.thread).order_by(notification.c.id)).all()

    with ThreadPoolExecutor(1) as pool:
        with write(engine) as connection:
            outbox.supersede(connection, threads[1])
            taken_back = taking_back(engine, pool, channel_id)
            outbox.supersede(connection, threads[0])
        assert taken_back.result(60) == 0


def taking_back(engine: Engine, pool: ThreadPoolExecutor, channel_id: int) -> Future[int]:
    def take_back() -> int:
        with write(engine) as connection:
            return outbox.take_back(connection, channel_id)

    begun = pool.submit(take_back)
    until_it_waits(engine)
    return begun


@pytest.mark.parametrize(
    "change",
    [
        outbox.take_back,
        lambda connection, channel_id: outbox.revive(connection, channel_id, START),
        lambda connection, channel_id: outbox.hold_channel(connection, channel_id, LATER),
    ],
    ids=["take back", "revive", "hold"],
)
def test_whoever_changes_many_messages_waits_for_the_channel(engine: Engine, change: Callable[..., object]) -> None:
    channel_id = deliveries(engine, "volume")

    def changed() -> None:
        with write(engine) as connection:
            change(connection, channel_id)

    with ThreadPoolExecutor(1) as pool:
        with write(engine) as connection:
            lock_channels(connection, [channel_id])
            begun = pool.submit(changed)
            until_it_waits(engine)
        begun.result(60)


def until_it_waits(engine: Engine) -> None:
    """Return once a session of the database waits for another."""
    query = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    for _ in range(300):
        with read(engine) as connection:
            if connection.scalar(query):
                return
        sleep(0.02)
    pytest.fail("nobody waits")
