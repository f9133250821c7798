"""Channels: added only when right, listed with how they do, tried out for real, removed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import Engine

from app.core.delivery import Failed, Retry, Sent
from app.core.errors import ConflictError, InvalidError, NotFoundError
from app.services import channels
from app.services.channels import add_channel, configure, list_channels, remove_channel
from app.settings import Settings
from tests.receivers import Reply, http_receiver, smtp_receiver
from tests.services.measured import START

SETTINGS = Settings(allow_private_targets=True)
MAIL = {"host": "mail.example.org", "sender": "w@example.org", "recipients": "a@example.org"}


def test_add_list_remove(engine: Engine) -> None:
    add_channel(engine, START, "ops", "slack", {"url": "env:SLACK"})
    add_channel(engine, START, "mail", "email", {**MAIL, "port": "2525"})

    mail, ops = list_channels(engine)
    assert (ops.name, ops.kind, ops.config) == ("ops", "slack", {"url": "env:SLACK"})
    assert mail.config == {**MAIL, "port": 2525, "tls": "auto", "username": "", "password": ""}

    remove_channel(engine, "ops")
    assert [channel.name for channel in list_channels(engine)] == ["mail"]
    with pytest.raises(NotFoundError, match="no channel 'ops'; known are: mail"):
        remove_channel(engine, "ops")


def test_a_name_is_taken_once(engine: Engine) -> None:
    add_channel(engine, START, "ops", "slack", {"url": "env:SLACK"})

    with pytest.raises(ConflictError, match="'ops'"):
        add_channel(engine, START, "ops", "email", MAIL)
    assert len(list_channels(engine)) == 1


@pytest.mark.parametrize("name", ["", " ops", "a\nb", "x" * 101])
def test_a_name_is_one_that_people_can_type(engine: Engine, name: str) -> None:
    with pytest.raises(InvalidError, match="name"):
        add_channel(engine, START, name, "slack", {"url": "env:SLACK"})


@pytest.mark.parametrize(
    ("kind", "config", "field"),
    [
        ("slack", {}, "url"),
        ("slack", {"url": "https://hooks.slack.com/services/T/B/hunter2"}, "url"),
        ("slack", {"url": "env:SLACK", "webhook": "hunter2"}, "webhook"),
        ("slack", {"url": "env:1"}, "url"),
        ("slack", {"url": "file:"}, "url"),
        ("email", {**MAIL, "port": "many"}, "port"),
        ("email", {**MAIL, "host": 7}, "host"),
        ("email", {**MAIL, "password": "hunter2", "username": "w"}, "password"),
    ],
)
def test_a_wrong_field_is_named_and_no_secret_repeated(kind: str, config: Mapping[str, Any], field: str) -> None:
    with pytest.raises(InvalidError) as caught:
        configure(kind, config)

    assert caught.value.field == field
    assert "hunter2" not in str(caught.value)


def test_an_unknown_kind_is_answered_with_the_known_ones() -> None:
    with pytest.raises(NotFoundError, match="known are: email, slack"):
        configure("pigeon", {})


def test_a_channel_can_be_tried_out(engine: Engine) -> None:
    with http_receiver() as receiver, smtp_receiver() as smtp:
        add_channel(engine, START, "ops", "slack", {"url": "env:SLACK"})
        add_channel(engine, START, "mail", "email", {**MAIL, "host": "127.0.0.1", "port": smtp.port})
        environment = {"SLACK": receiver.url()}

        assert channels.send_test(engine, START, SETTINGS, "ops", environment=environment) == Sent()
        assert channels.send_test(engine, START, SETTINGS, "mail", environment=environment) == Sent()
        assert b"a test of the channel ops" in receiver.received[0].body
        assert "a test of the channel mail" in smtp.mails[0]["subject"]

        receiver.reply = lambda _: Reply(404, b"no_service")
        tried = channels.send_test(engine, START, SETTINGS, "ops", environment=environment)
        assert tried == Failed("answered HTTP 404 (no_service)")

    assert channels.send_test(engine, START, SETTINGS, "ops", environment={}) == Retry(
        "the secret env:SLACK is not set"
    )
    with pytest.raises(NotFoundError):
        channels.send_test(engine, START, SETTINGS, "pos", environment={})
