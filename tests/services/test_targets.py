"""Targets: added, listed, tried out, removed, and refused with the name of the field."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from standardwebhooks import Webhook

from app.core.delivery import Failed, Retry, Sent
from app.core.errors import ConflictError, InvalidError, NotFoundError
from app.core.retraining import Policy
from app.core.webhooks import envelope
from app.services.actions import send_due
from app.services.policies import set_policy, show_policy
from app.services.sending import SendSummary
from app.services.targets import TargetStatus, add_target, list_targets, remove_target, send_test, show_target
from app.settings import Settings
from app.storage.engine import write
from app.storage.outbox import NewAction, add_action
from app.storage.targets import find_target
from tests.receivers import Reply, http_receiver
from tests.services.measured import START, add_version, rows_of

SETTINGS = Settings(allow_private_targets=True)
SECRET = "whsec_" + base64.b64encode(b"a key of twenty-four byte").decode()
ENVIRONMENT = {"RETRAIN": SECRET}
WEBHOOK = {"url": "https://ci.example.org/retrain", "secret": "env:RETRAIN"}
POLICY = Policy(("volume",), timedelta(days=7), 0)


def test_add_show_list_remove(engine: Engine) -> None:
    add_target(engine, START, "ci", "webhook", WEBHOOK)

    assert show_target(engine, "ci") == TargetStatus("ci", "webhook", WEBHOOK, ())
    with pytest.raises(ConflictError, match="there is a target 'ci' already"):
        add_target(engine, START, "ci", "webhook", WEBHOOK)
    with pytest.raises(NotFoundError, match="no target 'cu'; known are: ci"):
        show_target(engine, "cu")
    remove_target(engine, "ci")
    assert list_targets(engine) == []


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"url": ""}, "url"),
        ({"url": "ftp://ci.example.org/hunter2"}, "url"),
        ({"secret": "whsec_hunter2"}, "secret"),
        ({"tokne": "hunter2"}, "tokne"),
        ({"url": "env:not a name hunter2"}, "url"),
    ],
)
def test_what_is_wrong_is_named_and_no_secret_repeated(engine: Engine, wrong: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidError) as caught:
        add_target(engine, START, "ci", "webhook", {**WEBHOOK, **wrong})

    assert caught.value.field == field
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"url": "https://ci.example.org/{run_id}"}, "url"),
        ({"body": '{"method": "{method}"}'}, "body"),
        ({"body": '{"value": NaN}'}, "body"),
        ({"method": "PO ST"}, "method"),
        ({"headers": '{"X-Model": "pr\u00fcfung"}'}, "headers"),
        ({"headers": '{"X-Model\\r\\nHost": "evil"}'}, "headers"),
        ({"headers": '{"Content-Length": "5"}'}, "headers"),
        ({"poll_url": "https://user:hunter2@ci.example.org/{run_id}"}, "poll_url"),
        ({"success": "9" * 5000}, "success"),
    ],
)
def test_a_request_that_could_never_be_sent_is_refused_when_it_is_told(
    engine: Engine, wrong: dict[str, str], field: str
) -> None:
    with pytest.raises(InvalidError) as caught:
        add_target(engine, START, "ci", "http", {"url": "https://ci.example.org/{model}", **wrong})

    assert caught.value.field == field
    assert "hunter2" not in str(caught.value)


def test_a_request_whose_values_no_header_may_hold_fails_and_says_which_header(engine: Engine) -> None:
    config = {"url": "https://ci.example.org", "headers": '{"X-Reason": "{reason}", "X-Model": "{model}"}'}
    add_target(engine, START, "ci", "http", config)
    version_id = add_version(engine)
    payload = envelope("t", START, {"model": "pr\u00fcfung", "reason": "a\r\nHost: evil"})
    with write(engine) as connection:
        target_id = find_target(connection, "ci").id
        add_action(connection, NewAction("live", target_id, 1, version_id, "msg_1", payload, ""), START)

    assert send_due(engine, START, SETTINGS, {}) == SendSummary(dead=1)
    [row] = rows_of(engine, "action")
    assert "the header X-Reason holds what no header may" in str(row["last_error"])


def test_the_presets_are_named_when_one_is_unknown(engine: Engine) -> None:
    with pytest.raises(NotFoundError, match=r"no preset 'webhok'; known are: .*webhook"):
        add_target(engine, START, "ci", "webhok", WEBHOOK)


def test_a_policy_names_its_target_which_stays_while_it_does(engine: Engine) -> None:
    add_version(engine)
    add_target(engine, START, "ci", "webhook", WEBHOOK)
    set_policy(engine, START, "delay", POLICY, target="ci")

    assert show_policy(engine, "delay").policy.target.name == "ci"
    assert list_targets(engine)[0].models == ("delay",)
    with pytest.raises(ConflictError, match="is named by the policies of delay"):
        remove_target(engine, "ci")


def test_a_policy_has_either_a_target_or_an_address(engine: Engine) -> None:
    add_version(engine)
    both: list[dict[str, Any]] = [{}, {"target": "ci", "webhook_url": WEBHOOK["url"], "secret": "env:RETRAIN"}]
    for wrong in both:
        with pytest.raises(InvalidError, match="give either a target or a webhook_url"):
            set_policy(engine, START, "delay", POLICY, **wrong)
    with pytest.raises(NotFoundError, match="no target 'ci'"):
        set_policy(engine, START, "delay", POLICY, target="ci")


def test_a_test_says_that_it_is_one(engine: Engine) -> None:
    with http_receiver() as receiver:
        add_target(engine, START, "ci", "webhook", {**WEBHOOK, "url": receiver.url()})
        assert send_test(engine, START, SETTINGS, "ci", environment=ENVIRONMENT) == Sent()

    request = receiver.received[0]
    body = Webhook(SECRET).verify(request.body, dict(request.headers))
    assert (body["type"], body["data"]["test"]) == ("watchkeeper.test", True)


def test_a_test_that_fails_says_why_without_the_secret(engine: Engine) -> None:
    with http_receiver() as receiver:
        receiver.reply = lambda _: Reply(503, SECRET.encode())
        add_target(engine, START, "ci", "webhook", {**WEBHOOK, "url": receiver.url()})
        assert send_test(engine, START, SETTINGS, "ci", environment=ENVIRONMENT) == Retry("answered HTTP 503")
        assert send_test(engine, START, SETTINGS, "ci", environment={}) == Retry("the secret env:RETRAIN is not set")
        refused = send_test(engine, START, Settings(), "ci", environment=ENVIRONMENT)

    assert isinstance(refused, Failed)
    assert "is a private address" in refused.why


def test_an_address_may_be_a_reference(engine: Engine) -> None:
    with http_receiver() as receiver:
        add_target(engine, START, "ci", "webhook", {"url": "env:ADDRESS", "secret": "env:RETRAIN"})
        environment = {**ENVIRONMENT, "ADDRESS": receiver.url("/sEcReTpAtH")}
        assert send_test(engine, START, SETTINGS, "ci", environment=environment) == Sent()

    assert receiver.received[0].path == "/sEcReTpAtH"
    assert "sEcReTpAtH" not in str(show_target(engine, "ci"))


def test_anything_may_be_asked_of_a_target_in_the_callers_transaction(engine: Engine) -> None:
    version_id = add_version(engine)
    payload = envelope("model.rolled_back", START, {"model": "delay", "version": "1"})
    with http_receiver() as receiver:
        add_target(engine, START, "ci", "webhook", {**WEBHOOK, "url": receiver.url()})
        with write(engine) as connection:
            target_id = find_target(connection, "ci").id
            new = NewAction("rollback", target_id, 1, version_id, "msg_1", payload, "somebody said so")
            add_action(connection, new, START)
        assert send_due(engine, START, SETTINGS, ENVIRONMENT) == SendSummary(delivered=1)

    assert receiver.received[0].body == payload.encode()
    assert receiver.received[0].headers["webhook-id"] == "msg_1"


def test_what_waits_for_a_removed_target_is_given_up(engine: Engine) -> None:
    version_id = add_version(engine)
    add_target(engine, START, "ci", "webhook", WEBHOOK)
    with write(engine) as connection:
        target_id = find_target(connection, "ci").id
        add_action(connection, NewAction("live", target_id, 1, version_id, "msg_1", "{}", ""), START)
    remove_target(engine, "ci")

    assert send_due(engine, START, SETTINGS, ENVIRONMENT) == SendSummary(dead=1)
    assert rows_of(engine, "action")[0]["last_error"] == "its target has been removed"
