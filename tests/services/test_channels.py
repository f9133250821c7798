"""Channels: added only when right, listed with how they do, tried out for real, removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from sqlalchemy import Engine

from app.core.errors import ConflictError, InvalidError, NotFoundError
from app.services.alerting import alert
from app.services.channels import add_channel, configure, list_channels, remove_channel, set_channel, show_channel
from tests.services.measured import START, add_version, measure

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
    with pytest.raises(NotFoundError, match="known are: alertmanager, apprise, email, opsgenie, pagerduty, slack, "):
        configure("pigeon", {})


def test_a_changed_channel_keeps_what_waits_for_it(engine: Engine) -> None:
    add_channel(engine, START, "mail", "email", {**MAIL, "port": "2525", "username": "w", "password": "env:P"})
    measure(engine, add_version(engine), "b")
    alert(engine, START)

    changed = set_channel(engine, "mail", {"host": "mx.example.org", "port": "465"}, ["username", "password"])

    assert changed == show_channel(engine, "mail")
    expected = {**MAIL, "host": "mx.example.org", "port": 465, "tls": "auto", "username": "", "password": ""}
    assert changed.config == expected
    assert changed.backlog.pending == 1


@pytest.mark.parametrize(
    ("values", "unset", "error"),
    [
        ({"port": "many"}, [], "port"),
        ({"password": "hunter2"}, [], "password"),
        ({"pasword": "hunter2"}, [], "pasword"),
        ({}, ["host"], "host"),
        ({}, ["hst"], "unset"),
    ],
)
def test_a_wrong_change_changes_nothing(
    engine: Engine, values: Mapping[str, str], unset: Sequence[str], error: str
) -> None:
    add_channel(engine, START, "mail", "email", MAIL)
    before = show_channel(engine, "mail")

    with pytest.raises(InvalidError) as caught:
        set_channel(engine, "mail", values, unset)

    assert caught.value.field == error
    assert "hunter2" not in str(caught.value)
    assert show_channel(engine, "mail") == before
    with pytest.raises(NotFoundError, match="known are: mail"):
        set_channel(engine, "male", {"host": "x"})
