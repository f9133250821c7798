"""A worker is killed between any two steps: after a restart every change has arrived, under one id, and none is marked
that was not sent.
"""

from __future__ import annotations

import base64
import json
import signal
from datetime import datetime, timedelta
from multiprocessing.context import ForkServerContext

import pytest
from sqlalchemy import URL, Engine

from app.services.channels import add_channel
from tests.receivers import HttpReceiver, http_receiver
from tests.services import crashing
from tests.services.measured import DAY, START, add_version, measure, rows_of

NOW = START + 30 * DAY
LATER = timedelta(minutes=10)
ENVIRONMENT = {"HOOK": "whsec_" + base64.b64encode(b"a key of twenty-four byte").decode()}
SENT_TWICE = {"after a message is sent", "before that it was sent is committed"}


def die(forks: ForkServerContext, url: str, now: datetime, step: str) -> None:
    worker = forks.Process(target=crashing.work, args=(url, ENVIRONMENT, now, step))
    worker.start()
    worker.join(60)
    assert worker.exitcode == -signal.SIGKILL


def received(receiver: HttpReceiver) -> list[tuple[str, str]]:
    """Kind and id of the messages as they arrived."""
    return [(json.loads(one.body)["type"], one.headers["webhook-id"]) for one in receiver.received]


def nothing_is_marked_that_was_not_sent(engine: Engine, receiver: HttpReceiver) -> None:
    arrived = {identity for _, identity in received(receiver)}
    ids = {row["id"]: row["message"]["id"] for row in rows_of(engine, "notification")}  # type: ignore[index]
    for row in rows_of(engine, "delivery"):
        if row["state"] == "delivered":
            assert f"{ids[row['notification_id']]}.{row['id']}" in arrived


@pytest.mark.parametrize("step", crashing.STEPS)
def test_a_worker_that_dies_loses_and_doubles_nothing(
    forks: ForkServerContext, engine: Engine, database_url: URL, step: str
) -> None:
    url, now = database_url.render_as_string(hide_password=False), NOW
    version_id = add_version(engine)
    with http_receiver() as receiver:
        add_channel(engine, START, "hook", "webhook", {"url": receiver.url(), "secret": "env:HOOK"})
        for day, letter in enumerate("bo"):
            measure(engine, version_id, letter, first_day=day)
            die(forks, url, now, step)
            nothing_is_marked_that_was_not_sent(engine, receiver)
            now += LATER  # a claim of the dead is over by then
            crashing.work(url, ENVIRONMENT, now)
            now += LATER

        nothing_is_marked_that_was_not_sent(engine, receiver)
        times = 2 if step in SENT_TWICE else 1
        assert [kind for kind, _ in received(receiver)] == ["alert.firing"] * times + ["alert.resolved"] * times
        assert len(set(received(receiver))) == 2
    assert {row["state"] for row in rows_of(engine, "delivery")} == {"delivered"}
    assert len(rows_of(engine, "alert_transition")) == 2
