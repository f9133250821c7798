"""The page of limits: what holds, another one tried before it is set, and who set what."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Engine
from streamlit.testing.v1 import AppTest

from app.services.backtest import Backtest, CheckResult
from app.services.catalogue import change_model
from app.services.overrides import list_overrides
from app.storage.catalogue import find_model
from app.storage.engine import engine_for, read
from app.ui import data
from app.ui.components.limits import patience
from tests.ui.fleet import HOSTILE
from tests.ui.test_alerts import button, said
from tests.ui.test_pages import Use, html, opened

SKEW = "training_serving_skew"


@pytest.fixture
def fleet(use_database: Use, fleet_template: Path, tmp_path: Path) -> Engine:
    """The database that the pages read."""
    use_database(fleet_template)
    return engine_for(URL.create("sqlite", database=str(tmp_path / "watchkeeper.sqlite3")))


def page(**query: str) -> AppTest:
    return opened("limits", **{"model": "arrival-delay", "check": SKEW, "subject": "carrier", **query})


def test_a_link_leads_to_one_limit(fleet: Engine) -> None:
    app = page()

    shown = html(app)
    assert "false alerts a month are expected, of a budget of 1; all limits are learnt." in shown
    assert app.selectbox(key=f"subject of {SKEW}").value == "carrier"
    assert "Learnt limits are those of the reference" in shown
    assert "the present one" not in shown  # what takes seconds is asked for
    button(app, "Try it as it stands").click().run()
    assert " would have raised 1 alert in 75 windows, the present one 1; 1 did fire" in html(app)
    assert len(app.get("plotly_chart")) == 1


def test_another_limit_is_tried_then_set_then_removed(fleet: Engine) -> None:
    app = page()
    app.number_input[0].set_value(5.0).run()

    assert "A limit of 5 would have raised 0 alerts in 75 windows, the present one 1; 1 did fire" in html(app)
    assert "no longer" in html(app)
    assert list_overrides(fleet, "arrival-delay") == []

    button(app, "Set it to 5").click().run()
    assert "author" in app.error[0].value

    said(app, "Your name").input("ann")
    said(app, "Reason").input("carriers merge")
    button(app, "Set it to 5").click().run()

    (row,) = list_overrides(fleet, "arrival-delay")
    assert (row["check"], row["subject"], row["limit"], row["author"]) == (SKEW, "carrier", 5.0, "ann")
    assert "The limit is 5 for windows that end from now on." in app.success[0].value
    assert "set by ann: carriers merge" in html(app)

    reasons = [one for one in app.text_input if one.label == "Reason"]
    reasons[-1].input("they did not")
    [one for one in app.text_input if one.label == "Your name"][-1].input("bob")
    button(app, "Remove this limit").click().run()

    assert list_overrides(fleet, "arrival-delay") == []
    assert "by bob: they did not" in html(app)


def test_a_limit_for_every_subject(fleet: Engine) -> None:
    app = page(subject="(every subject)")
    app.number_input[0].set_value(9.0).run()

    assert "See first which alerts it would have raised for every subject; nothing is set before that." in html(app)
    assert "A limit of 9 would have raised 0 alerts" in html(app)


def test_limits_that_nobody_can_set_say_so(fleet: Engine) -> None:
    app = page(check="staleness", subject="training_data")

    assert "This limit cannot be set: allowed are the checks with a learnt limit" in html(app)
    assert not app.get("plotly_chart")


def test_budget_and_patience_are_tried_before_they_hold(fleet: Engine) -> None:
    app = page()
    assert "Type other numbers to see which alerts they would have raised" in html(app)
    inputs: list[Any] = list(app.number_input)
    next(one for one in inputs if one.label.startswith("False alerts")).set_value(2.0)
    next(one for one in inputs if one.label.startswith("Windows in breach")).set_value(100)
    app.run()

    assert "With these numbers" in html(app)
    assert "Let these hold" in [one.label for one in app.button]
    counts = re.search(
        r"With these numbers (\d+) alerts? would have been raised .* with those that hold (\d+)", html(app)
    )
    assert counts
    assert int(counts[1]) < int(counts[2])  # no check is in breach for a hundred windows
    with read(fleet) as connection:
        assert find_model(connection, "arrival-delay").false_alarms_per_month == 1.0

    three_windows_hold_beside_a_budget_of_two(app, fleet)
    assert "fires after 3 windows in breach" in html(app)
    assert "hold from the next window on" in app.success[0].value


def test_a_check_that_other_numbers_blind_is_no_gain() -> None:
    def judged(*checks: CheckResult) -> Backtest:
        return Backtest("m", "1", None, None, 10, 0.3, 1.0, checks, ())

    now = judged(CheckResult("performance", 10, 3, 9.0, None), CheckResult("volume", 10, 1, 3.0, None))
    shown = patience.told(now, judged(CheckResult("volume", 6, 0, 0.0, None)))

    assert "With these numbers 0 alerts would have been raised in 10 windows, with those that hold 4" in shown
    assert re.search(r"Quality</td><td[^>]*>3</td><td[^>]*>cannot tell<", shown)
    assert re.search(r"Volume</td><td[^>]*>1</td><td[^>]*>0, cannot tell in 4 windows<", shown)


def test_what_somebody_else_declared_meanwhile_stays(fleet: Engine) -> None:
    app = page()
    change_model(fleet, "arrival-delay", false_alarms_per_month=2.0)
    data.models.model.clear()
    app.run()
    inputs: list[Any] = list(app.number_input)
    assert next(one for one in inputs if one.label.startswith("False alerts")).value == 2.0
    three_windows_hold_beside_a_budget_of_two(app, fleet)


def three_windows_hold_beside_a_budget_of_two(app: AppTest, fleet: Engine) -> None:
    inputs: list[Any] = list(app.number_input)
    next(one for one in inputs if one.label.startswith("Windows in breach")).set_value(3)
    app.run()
    button(app, "Let these hold").click().run()

    with read(fleet) as connection:
        changed = find_model(connection, "arrival-delay")
    assert (changed.false_alarms_per_month, changed.fire_after) == (2.0, {SKEW: 3})


@pytest.mark.parametrize("model", ["house-price", HOSTILE])
def test_without_limits_it_says_what_brings_them(fleet: Engine, model: str) -> None:
    app = opened("limits", model=model)

    assert not app.exception
    assert "Limits" in html(app)
