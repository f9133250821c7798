"""Retraining policies: set, shown, replaced, removed, and refused with the name of the field."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from app.core.errors import InvalidError, NotFoundError
from app.core.retraining import Policy
from app.services.policies import remove_policy, set_policy, show_policy
from tests.services.measured import START, add_version

RIGHT: dict[str, Any] = {
    "checks": ["performance", "volume", "performance"],
    "cooldown": timedelta(days=7),
    "minimum_new_labels": 500,
    "webhook_url": "https://ci.example.org/retrain?token=hunter2",
    "secret": "env:RETRAIN",
}


def test_set_show_replace_remove(engine: Engine) -> None:
    add_version(engine)
    with pytest.raises(NotFoundError, match="no retraining policy of model 'delay'"):
        show_policy(engine, "delay")

    set_policy(engine, START, "delay", **RIGHT)
    shown = show_policy(engine, "delay")
    assert shown.policy.policy == Policy(("performance", "volume"), timedelta(days=7), 500)
    assert (shown.policy.target.name, shown.policy.target.preset) == ("delay", "webhook")
    assert shown.policy.target.config == {"url": RIGHT["webhook_url"], "secret": "env:RETRAIN"}
    assert shown.last_request is None

    set_policy(engine, START, "delay", **{**RIGHT, "checks": ["staleness"]})
    assert show_policy(engine, "delay").policy.policy.checks == ("staleness",)

    remove_policy(engine, "delay")
    with pytest.raises(NotFoundError):
        remove_policy(engine, "delay")


def test_an_unknown_model_is_named(engine: Engine) -> None:
    for call in (show_policy, remove_policy, lambda engine, model: set_policy(engine, START, model, **RIGHT)):
        with pytest.raises(NotFoundError, match="no model 'dealy'"):
            call(engine, "dealy")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"checks": []}, "checks"),
        ({"checks": ["performnace"]}, "checks"),
        ({"cooldown": timedelta(seconds=-1)}, "cooldown"),
        ({"minimum_new_labels": -1}, "minimum_new_labels"),
        ({"webhook_url": "ftp://ci.example.org/hunter2"}, "url"),
        ({"webhook_url": "https://me:hunter2@ci.example.org"}, "url"),
        ({"secret": "whsec_hunter2"}, "secret"),
    ],
)
def test_what_is_wrong_is_named_and_no_secret_repeated(engine: Engine, wrong: dict[str, Any], field: str) -> None:
    add_version(engine)

    with pytest.raises(InvalidError) as caught:
        set_policy(engine, START, "delay", **{**RIGHT, **wrong})

    assert caught.value.field == field
    assert "hunter2" not in str(caught.value)
