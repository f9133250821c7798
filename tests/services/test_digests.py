"""Digests on real databases: once for each period, to who hears of the check, also when the worker was down."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, time, timedelta

import pytest
from sqlalchemy import Engine, select

from app.core.digest_schedule import Schedule
from app.core.errors import InvalidError
from app.core.routing import Route, RouteMatch
from app.core.silences import Matcher, Silence
from app.services.alert_page import alert_page
from app.services.alerting import alert
from app.services.channels import add_channel, remove_channel
from app.services.digests import DigestSummary, preview, write_digests
from app.services.routing import add_route
from app.services.silences import add_silence
from app.storage import tables
from app.storage.engine import read
from tests.services.measured import DAY, START, add_channels, add_version, measure

PLAN = Schedule(time(8, 0))
MORNING = START + 20 * DAY + timedelta(hours=8)


@pytest.fixture
def version_id(engine: Engine) -> int:
    add_channels(engine, [("mail", "MAIL"), ("ops", "OPS")])
    return add_version(engine)


def digests(engine: Engine) -> list[tuple[str, str, list[str]]]:
    """(channel, title, lines) of every digest, oldest first."""
    n, d, c = tables.notification.c, tables.delivery.c, tables.channel.c
    query = select(c.name, n.message).join_from(tables.delivery, tables.notification).join(tables.channel)
    with read(engine) as connection:
        rows = connection.execute(query.where(n.kind == "digest").order_by(d.id)).all()
    return [(name, message["title"], [line["subject"] for line in message["lines"]]) for name, message in rows]


def kinds(engine: Engine) -> list[tuple[str, str]]:
    n, c = tables.notification.c, tables.channel.c
    query = select(n.kind, c.name).join_from(tables.delivery, tables.notification).join(tables.channel)
    with read(engine) as connection:
        return sorted((kind, name) for kind, name in connection.execute(query))


def written(engine: Engine, now: datetime, plan: Schedule | None = PLAN) -> int:
    return write_digests(engine, now, plan).digests


def test_one_for_each_channel_and_period(engine: Engine, version_id: int) -> None:
    measure(engine, version_id, "ob")
    alert(engine, MORNING - timedelta(hours=3))

    assert written(engine, MORNING) == 2
    assert written(engine, MORNING + timedelta(hours=5)) == 0
    assert written(engine, MORNING + DAY) == 2

    line = ["delay 1: training_serving_skew"]
    assert digests(engine) == [
        ("mail", "Daily digest: 1 check began", line),
        ("ops", "Daily digest: 1 check began", line),
        ("mail", "Daily digest: 1 check still in breach", line),
        ("ops", "Daily digest: 1 check still in breach", line),
    ]


def test_without_a_schedule_none_is_written(engine: Engine, version_id: int) -> None:
    measure(engine, version_id, "ob")
    alert(engine, MORNING)
    assert written(engine, MORNING, None) == 0


def test_after_days_without_a_worker_one_tells_of_all_of_them(engine: Engine, version_id: int) -> None:
    assert written(engine, MORNING) == 0
    measure(engine, version_id, "ob")
    alert(engine, MORNING + DAY)
    measure(engine, version_id, "o", first_day=2)
    alert(engine, MORNING + 2 * DAY)

    assert written(engine, MORNING + 4 * DAY + timedelta(hours=3)) == 2
    assert {title for _, title, _ in digests(engine)} == {"Daily digest: 1 check over"}
    assert written(engine, MORNING + 5 * DAY) == 0


def test_nothing_happened_is_said_to_who_asked(engine: Engine, version_id: int) -> None:
    assert written(engine, MORNING) == 0
    assert written(engine, MORNING + DAY, Schedule(time(8, 0), always=True)) == 2


def test_what_a_route_keeps_for_the_digest_is_told_there_alone(engine: Engine, version_id: int) -> None:
    add_route(engine, START, Route(RouteMatch(check="volume"), ("mail",), digest=True), author="ann")
    measure(engine, version_id, "ob", check="volume", subject="", value=5, limit=50, normal=100)
    for hours in (0, 1, 12):
        alert(engine, MORNING - DAY + timedelta(hours=hours), digests=True)
    assert kinds(engine) == []

    written(engine, MORNING)
    measure(engine, version_id, "o", check="volume", subject="", value=100, limit=50, normal=100, first_day=2)
    alert(engine, MORNING + timedelta(hours=1), digests=True)
    written(engine, MORNING + DAY)

    assert [(name, title) for name, title, _ in digests(engine)] == [
        ("mail", "Daily digest: 1 check began"),
        ("mail", "Daily digest: 1 check over"),
    ]
    assert kinds(engine) == [("digest", "mail")] * 2
    (began, _) = reversed(alert_page(engine, 1, MORNING).told)
    assert began.nobody == "it is told in the digest"


def test_an_improvement_is_told_in_the_digest(engine: Engine, version_id: int) -> None:
    measure(engine, version_id, "ob", check="performance", subject="accuracy", value=0.95, limit=0.8, normal=0.9)
    alert(engine, MORNING - DAY, digests=True)

    assert kinds(engine) == []
    assert written(engine, MORNING) == 2


def test_what_is_silenced_is_left_out(engine: Engine, version_id: int) -> None:
    measure(engine, version_id, "ob")
    alert(engine, MORNING - DAY)
    silence = Silence(Matcher(model="delay"), MORNING - DAY, MORNING + DAY, "ann", "known")
    add_silence(engine, MORNING - DAY, silence)

    assert written(engine, MORNING) == 0


def test_where_incidents_are_opened_no_digest_goes(engine: Engine, version_id: int) -> None:
    add_channel(engine, START, "pager", "pagerduty", {"routing_key": "env:PD"})
    measure(engine, version_id, "ob")
    alert(engine, MORNING - DAY)

    assert written(engine, MORNING) == 2
    with pytest.raises(InvalidError, match="pager: incidents are opened there"):
        add_route(engine, START, Route(RouteMatch(), ("pager",), digest=True), author="ann")


def test_nobody_is_said_to_hear_in_a_digest_where_none_is_read(engine: Engine, version_id: int) -> None:
    for name in ("mail", "ops"):
        remove_channel(engine, name)
    add_channel(engine, START, "pager", "pagerduty", {"routing_key": "env:PD"})
    measure(engine, version_id, "ob", check="performance", subject="accuracy", value=0.95, limit=0.8, normal=0.9)
    alert(engine, MORNING - DAY, digests=True)

    (told,) = alert_page(engine, 1, MORNING).told
    assert (told.in_digest, told.nobody) == (False, "nobody: there was no channel that was on")


def test_two_workers_write_it_once(engine: Engine, version_id: int) -> None:
    measure(engine, version_id, "ob")
    alert(engine, MORNING - DAY)

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: write_digests(engine, MORNING, PLAN), range(2)))

    assert sorted(found, key=lambda one: one.digests) == [DigestSummary(0), DigestSummary(2)]
    assert len(digests(engine)) == 2


def test_a_preview_writes_nothing(engine: Engine, version_id: int) -> None:
    measure(engine, version_id, "ob")
    alert(engine, MORNING - timedelta(hours=3))

    assert [name for name, _ in preview(engine, MORNING, PLAN)] == ["mail", "ops"]
    assert digests(engine) == []
    assert written(engine, MORNING) == 2
