"""A channel is tried out with a real message, and what was answered is shown without a secret."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import Engine

from app.core.delivery import Failed, Retry, Sent
from app.core.errors import NotFoundError
from app.core.messages import Kind
from app.services.channels import add_channel
from app.services.trials import LONGEST_EXCERPT, Trial, try_channel
from app.settings import Settings
from tests import receivers
from tests.receivers import Reply, http_receiver, smtp_receiver
from tests.services.measured import START

SETTINGS = Settings(allow_private_targets=True)
TOKEN = "sEcReTtOkEn"
MAIL = {"sender": "w@example.org", "recipients": "a@example.org", "host": "127.0.0.1"}


def test_a_message_is_sent_and_the_answer_shown(engine: Engine) -> None:
    with http_receiver() as receiver, smtp_receiver() as smtp:
        add_channel(engine, START, "ops", "slack", {"url": "env:SLACK"})
        add_channel(engine, START, "mail", "email", {**MAIL, "port": smtp.port})
        environment = {"SLACK": receiver.url(f"/services/{TOKEN}")}

        slack = try_channel(engine, START, SETTINGS, "ops", environment=environment)
        mail = try_channel(engine, START, SETTINGS, "mail", environment=environment)

        assert slack == [Trial(Kind.NEWS, Sent(), 200, "ok")]
        assert mail == [Trial(Kind.NEWS, Sent(), None, "")]
        assert b"a test of the channel ops" in receiver.received[0].body
        assert "a test of the channel mail" in smtp.mails[0]["subject"]


def test_where_an_incident_stays_open_it_is_closed_again(engine: Engine) -> None:
    for kind, service in [("pagerduty", receivers.pagerduty), ("opsgenie", receivers.opsgenie)]:
        with http_receiver() as receiver:
            receiver.reply = service
            field = "key" if kind == "opsgenie" else "routing_key"
            add_channel(engine, START, kind, kind, {field: "env:KEY", "url": receiver.url("")})
            trials = try_channel(engine, START, SETTINGS, kind, environment={"KEY": "k" * 32})

        assert [(trial.kind, trial.answer, trial.status) for trial in trials] == [
            (Kind.FIRING, Sent(), 202),
            (Kind.RESOLVED, Sent(), 202),
        ]
        opened, closed = receiver.received
        assert (opened.json.get("dedup_key") or opened.json["alias"]) in closed.path + json.dumps(closed.json)


def test_what_was_refused_ends_it_and_no_secret_is_shown(engine: Engine) -> None:
    with http_receiver() as receiver:
        # The secret stands where the excerpt is cut.
        receiver.reply = lambda request: Reply(404, b"x" * (LONGEST_EXCERPT - 5) + request.path.encode())
        add_channel(engine, START, "ops", "slack", {"url": "env:SLACK"})
        add_channel(engine, START, "alerts", "alertmanager", {"url": receiver.url("")})
        environment = {"SLACK": receiver.url(f"/services/{TOKEN}")}

        (slack,) = try_channel(engine, START, SETTINGS, "ops", environment=environment)
        (alerts,) = try_channel(engine, START, SETTINGS, "alerts", environment=environment)

    assert (slack.answer, slack.status, len(slack.body)) == (Failed("answered HTTP 404"), 404, LONGEST_EXCERPT)
    assert TOKEN[:3] not in slack.body
    assert (alerts.kind, alerts.answer) == (Kind.FIRING, Failed("answered HTTP 404"))


def test_what_never_went_out_has_no_status(engine: Engine) -> None:
    add_channel(engine, START, "ops", "slack", {"url": "env:SLACK"})

    trials = try_channel(engine, START, SETTINGS, "ops", environment={})

    assert trials == [Trial(Kind.NEWS, Retry("the secret env:SLACK is not set"), None, "")]
    with pytest.raises(NotFoundError):
        try_channel(engine, START, SETTINGS, "pos", environment={})
