"""Retraining policies: set, shown, replaced, removed, and refused with the name of the field."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from app.core.calendars import parse_calendar
from app.core.errors import InvalidError, NotFoundError
from app.core.retraining import Policy
from app.core.severity import Severity
from app.services.policies import remove_policy, set_policy, show_policy
from tests.services.measured import START, add_version

POLICY = Policy(
    ("performance", "volume"),
    timedelta(days=7),
    500,
    Severity.CRITICAL,
    budget=3,
    calendar=parse_calendar("mon-fri 08:00-18:00 Europe/Berlin"),
    ask_first=True,
    segments=True,
    timeout=timedelta(hours=6),
    training_window=timedelta(days=30),
)
WEBHOOK = {"webhook_url": "https://ci.example.org/retrain?token=hunter2", "secret": "env:RETRAIN"}


def test_set_show_replace_remove(engine: Engine) -> None:
    add_version(engine)
    with pytest.raises(NotFoundError, match="no retraining policy of model 'delay'"):
        show_policy(engine, "delay")

    set_policy(engine, START, "delay", POLICY, **WEBHOOK)
    shown = show_policy(engine, "delay")
    assert shown.policy.policy == POLICY
    assert (shown.policy.target.name, shown.policy.target.preset) == ("delay", "webhook")
    assert shown.policy.target.config == {"url": WEBHOOK["webhook_url"], "secret": "env:RETRAIN"}
    assert shown.last_run is None

    other = Policy(("staleness",), timedelta(0), 0)
    set_policy(engine, START, "delay", other, **WEBHOOK)
    assert show_policy(engine, "delay").policy.policy == other

    remove_policy(engine, START, "delay")
    with pytest.raises(NotFoundError):
        remove_policy(engine, START, "delay")


def test_an_unknown_model_is_named(engine: Engine) -> None:
    with pytest.raises(NotFoundError, match="no model 'dealy'"):
        show_policy(engine, "dealy")
    with pytest.raises(NotFoundError, match="no model 'dealy'"):
        remove_policy(engine, START, "dealy")
    with pytest.raises(NotFoundError, match="no model 'dealy'"):
        set_policy(engine, START, "dealy", POLICY, **WEBHOOK)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"checks": ()}, "checks"),
        ({"checks": ("performnace",)}, "checks"),
        ({"minimum_severity": Severity.INFO}, "minimum_severity"),
        ({"budget": -1}, "budget"),
        ({"timeout": timedelta(0)}, "timeout"),
        ({"training_window": timedelta(0)}, "training_window"),
        ({"cooldown": timedelta(seconds=-1)}, "cooldown"),
        ({"minimum_new_labels": -1}, "minimum_new_labels"),
        ({"webhook_url": "ftp://ci.example.org/hunter2"}, "url"),
        ({"webhook_url": "https://me:hunter2@ci.example.org"}, "url"),
        ({"secret": "whsec_hunter2"}, "secret"),
    ],
)
def test_what_is_wrong_is_named_and_no_secret_repeated(engine: Engine, wrong: dict[str, Any], field: str) -> None:
    add_version(engine)

    policy = replace(POLICY, **{name: value for name, value in wrong.items() if name not in WEBHOOK})
    webhook = {name: wrong.get(name, value) for name, value in WEBHOOK.items()}
    with pytest.raises(InvalidError) as caught:
        set_policy(engine, START, "delay", policy, **webhook)

    assert caught.value.field == field
    assert "hunter2" not in str(caught.value)
