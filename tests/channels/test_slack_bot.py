"""Slack's Web API: threads, the first message that shows the end, and errors under status 200."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from app.channels.slack_bot import SlackBot
from app.core.block_kit import blocks_of
from app.core.delivery import Answer, Failed, Retry, Sent
from app.core.errors import InvalidError
from app.core.messages import Kind
from tests.channels.messages import firing
from tests.channels.sending import of_kind, send
from tests.receivers import HttpReceiver, Received, Reply, http_receiver, slack_api

TOKEN = "xoxb-hunter2"
FIRST = "C0123ABCDEF 1503435956.000247"


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with http_receiver() as receiver:
        receiver.reply = slack_api
        yield receiver


def bot(receiver: HttpReceiver) -> SlackBot:
    return SlackBot(channel="C0123ABCDEF", token="env:T", url=receiver.url("/api"))


def said(error: str, **headers: str) -> Reply:
    return Reply(200, json.dumps({"ok": False, "error": error}).encode(), headers)


def test_the_first_message_opens_a_thread(receiver: HttpReceiver) -> None:
    answer = send(bot(receiver), secret=TOKEN)

    assert isinstance(answer, Sent)
    channel, stamp = answer.receipt.split(" ")
    assert (channel, len(stamp)) == ("C0123ABCDEF", 17)
    (posted,) = receiver.received
    assert posted.path == "/api/chat.postMessage"
    assert posted.headers["authorization"] == f"Bearer {TOKEN}"
    assert posted.json == {"channel": "C0123ABCDEF", "unfurl_links": False, **blocks_of(firing())}


@pytest.mark.parametrize(
    ("kind", "shown"),
    [(Kind.FIRING, True), (Kind.REPEATED, True), (Kind.ESCALATED, True), (Kind.ACKNOWLEDGED, False)],
)
def test_what_follows_goes_into_the_thread_and_alarms_show_in_the_channel(
    receiver: HttpReceiver, kind: Kind, shown: bool
) -> None:
    assert send(bot(receiver), of_kind(kind), secret=TOKEN, thread=FIRST) == Sent(receipt=FIRST)

    (posted,) = receiver.received
    assert posted.json["thread_ts"] == "1503435956.000247"
    assert posted.json["reply_broadcast"] is shown


def test_some_that_are_well_again_end_nothing(receiver: HttpReceiver) -> None:
    message = of_kind(Kind.RESOLVED, remaining=1)

    assert send(bot(receiver), message, secret=TOKEN, thread=FIRST) == Sent(receipt=FIRST)
    assert [request.path for request in receiver.received] == ["/api/chat.postMessage"]


def test_the_end_goes_into_the_thread_and_takes_the_place_of_the_first_message(receiver: HttpReceiver) -> None:
    message = of_kind(Kind.RESOLVED)

    assert send(bot(receiver), message, secret=TOKEN, thread=FIRST) == Sent()

    posted, changed = receiver.received
    assert (posted.path, changed.path) == ("/api/chat.postMessage", "/api/chat.update")
    assert changed.json == {"channel": "C0123ABCDEF", "ts": "1503435956.000247", **blocks_of(message)}


def test_an_end_that_arrived_is_not_told_twice_though_the_first_message_stays(receiver: HttpReceiver) -> None:
    receiver.reply = lambda request: (
        said("cant_update_message") if request.path.endswith("update") else slack_api(request)
    )

    answer = send(bot(receiver), of_kind(Kind.RESOLVED), secret=TOKEN, thread=FIRST)

    assert answer == Sent("its first message could not be changed: Slack refused it: cant_update_message")


def test_without_its_first_message_a_thread_begins_anew(receiver: HttpReceiver) -> None:
    def reply(request: Received) -> Reply:
        return said("thread_not_found") if "thread_ts" in request.json else slack_api(request)

    receiver.reply = reply

    answer = send(bot(receiver), of_kind(Kind.REPEATED), secret=TOKEN, thread=FIRST)

    assert isinstance(answer, Sent)
    assert answer.receipt not in {"", FIRST}


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (said("invalid_auth"), Failed("Slack refused it: invalid_auth")),
        (said("channel_not_found"), Failed("Slack refused it: channel_not_found")),
        (said("a_code_of_next_year"), Failed("Slack refused it: a_code_of_next_year")),
        (said("internal_error"), Retry("Slack refused it: internal_error")),
        (said("ratelimited", **{"Retry-After": "30"}), Retry("Slack refused it: ratelimited", timedelta(seconds=30))),
        (Reply(429, b"", {"Retry-After": "30"}), Retry("answered HTTP 429", timedelta(seconds=30))),
        (said("xoxb-HUNTER2 is wrong"), Retry("answered HTTP 200, but not as Slack does")),
        (Reply(200, b'{"ok": true}'), Retry("answered HTTP 200, but not as Slack does")),
        (Reply(200, b'{"ok": true, "ts": 15, "channel": "C1"}'), Retry("answered HTTP 200, but not as Slack does")),
        (Reply(200, b"<html>"), Retry("answered HTTP 200, but not as Slack does")),
    ],
)
def test_what_slack_says_counts(receiver: HttpReceiver, reply: Reply, answer: Answer) -> None:
    receiver.reply = lambda _: reply

    assert send(bot(receiver), secret=TOKEN) == answer


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"channel": ""}, "channel"), ({"channel": "a channel"}, "channel"), ({"url": "slack.com"}, "url")],
)
def test_wrong_configurations_name_the_field(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidError) as caught:
        SlackBot(**{"channel": "C1", "token": "env:T", **wrong})

    assert caught.value.field == field
