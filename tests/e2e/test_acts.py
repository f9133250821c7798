"""What people do on the pages that act, in a browser; the database shows each of it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Engine

from app.core.model import Stage, Version
from app.core.retraining_run import RunState
from app.services.catalogue import register_version
from app.services.channels import list_channels
from app.services.deployments import standing
from app.services.drills import list_drills
from app.services.keys import list_keys
from app.services.reports import list_reports
from app.services.retraining_runs import begin, list_runs
from app.services.routing import list_routes
from app.storage import drills
from app.storage.catalogue import find_model, find_version
from app.storage.engine import write
from app.storage.policies import list_policies
from app.storage.retraining_runs import NewRun
from tests.e2e.browser import PATIENCE_MS, Watched, opened, settled

pytestmark = pytest.mark.browser


def fill(page: Page, label: str, text: str) -> None:
    """Give a text field its text, and let the page hear of it."""
    field = page.get_by_role("textbox", name=label)
    field.fill(text)
    field.press("Tab")


def test_a_key_is_made_shown_once_and_revoked(watched: Watched, fleet_engine: Engine) -> None:
    page = watched.open("/health?part=keys")
    page.get_by_role("button", name="Make a key").click()
    fill(page, "Who uses it", "payments")
    page.get_by_role("button", name="Make it").click()

    expect(page.get_by_test_id("stCode")).to_contain_text("wk_", timeout=PATIENCE_MS)
    expect(page.get_by_role("button", name="Make it")).to_have_count(0)  # the form would lie over it
    [key] = list_keys(fleet_engine)
    assert (key.name, key.revoked_at) == ("payments", None)

    page = watched.open("/health?part=keys")
    assert page.get_by_test_id("stCode").count() == 0
    expect(page.get_by_text("never used")).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("button", name="Revoke a key").click()
    page.get_by_role("combobox", name="Key").click()
    page.get_by_role("option", name="payments").click()
    page.get_by_text(re.compile("I am sure.*payments")).click()
    page.get_by_role("button", name="Revoke it").click()

    expect(page.get_by_text("is revoked; collectors refuse it")).to_be_visible(timeout=PATIENCE_MS)
    assert list_keys(fleet_engine)[0].revoked_at is not None


def test_a_channel_is_switched_off_and_on(watched: Watched, fleet_engine: Engine) -> None:
    page = watched.open("/channels")
    page.get_by_role("button", name="Switch off").click()
    fill(page, "Your name", "ann")
    page.get_by_role("button", name="Switch on-call off").click()

    expect(page.get_by_text("Nobody is told of alerts: every channel is off.")).to_be_visible(timeout=PATIENCE_MS)
    [off] = [one.off for one in list_channels(fleet_engine)]
    assert off
    assert off.by == "ann"

    page.get_by_role("button", name="Switch on", exact=True).click()
    expect(page.get_by_text("on-call is on.")).to_be_visible(timeout=PATIENCE_MS)
    assert list_channels(fleet_engine)[0].off is None


def test_a_route_is_added_after_a_look_at_who_would_hear(watched: Watched, fleet_engine: Engine) -> None:
    page = watched.open("/channels")
    page.get_by_text("Add, change or remove a route").click()
    expect(page.get_by_text("Choose at least one channel")).to_be_visible(timeout=PATIENCE_MS)
    opened(page.get_by_role("combobox", name="To", exact=True), page.get_by_role("option", name="on-call")).click()
    page.keyboard.press("Escape")
    expect(page.get_by_text("none would be told otherwise than now")).to_be_visible(timeout=PATIENCE_MS)
    fill(page, "Your name", "ann")
    page.get_by_role("button", name="Add the route").click()

    expect(page.get_by_text("The route is added")).to_be_visible(timeout=PATIENCE_MS)
    [made] = list_routes(fleet_engine)
    assert (made["takes"], made["channels"], made["author"]) == ("everything", ["on-call"], "ann")


def test_a_version_is_taken_back_and_who_is_told_stands_beside_it(watched: Watched, fleet_engine: Engine) -> None:
    new = Version(0, "3", Stage.LIVE, framework="scikit-learn")
    register_version(fleet_engine, "arrival-delay", new, datetime.now(UTC))
    page = watched.open("/versions?model=arrival-delay")
    expect(page.get_by_text("Of a rollback people are told, too: on-call.")).to_be_visible(timeout=PATIENCE_MS)

    fill(page, "Your name", "ann")
    page.get_by_text("I am sure. It takes the place of 3.").click()
    page.get_by_role("button", name="Make live").click()

    expect(page.get_by_text("Version 2 is live.")).to_be_visible(timeout=PATIENCE_MS)
    found = standing(fleet_engine, "arrival-delay")
    assert found.live == ("2",)
    assert [(one.change.author, one.change.kind.value) for one in found.history if one.takes_over][-1] == (
        "ann",
        "rollback",
    )


def test_a_drill_that_waits_is_called_off(watched: Watched, fleet_engine: Engine) -> None:
    now = datetime.now(UTC)
    with write(fleet_engine) as connection:
        tried = find_version(connection, find_model(connection, "arrival-delay").id, "2")
        number = drills.add_drill(connection, tried, 20, "ann", now, now + timedelta(hours=1))
    page = watched.open("/versions?model=arrival-delay&part=drills")
    page.get_by_role("button", name="Call it off").click()
    fill(page, "Your name", "bob")
    page.get_by_role("button", name="Call the drill off").click()

    expect(page.get_by_text(f"Drill {number} is over: bob called it off.")).to_be_visible(timeout=PATIENCE_MS)
    [ended] = list_drills(fleet_engine, "arrival-delay")
    assert (ended.state.value, ended.called_off_by) == ("called_off", "bob")


def test_runs_that_wait_are_approved_and_rejected(watched: Watched, fleet_engine: Engine) -> None:
    waits_at(fleet_engine, "churn", "msg_yes")
    waits_at(fleet_engine, "house-price", "msg_no")
    page = watched.open("/retraining?run=msg_yes")
    fill(page, "Your name", "ann")

    settled(page)  # the buttons are drawn anew once there is a name
    page.locator(".st-key-approve-msg_yes button").first.click()
    expect(page.get_by_text("approved by ann.")).to_be_visible(timeout=PATIENCE_MS)
    settled(page)
    page.locator(".st-key-reject-msg_no button").first.click()
    expect(page.get_by_text("rejected by ann.")).to_be_visible(timeout=PATIENCE_MS)

    states = [list_runs(fleet_engine, model)[0].state for model in ("churn", "house-price")]
    assert states == [RunState.REQUESTED, RunState.CANCELLED]


def waits_at(engine: Engine, model: str, webhook: str) -> None:
    """Let retraining of the model wait for somebody."""
    found = standing(engine, model)
    with write(engine) as connection:
        target = list_policies(connection)[0].target
        version, model_id = found.versions[0].id, found.model.id
        day = timedelta(days=1)
        new = NewRun(webhook, model_id, version, target.id, RunState.WAITING, "", "drift", None, "{}", day)
        begin(connection, new, "worker", datetime.now(UTC), "")


def test_retraining_is_asked_for_by_hand(watched: Watched, fleet_engine: Engine) -> None:
    page = watched.open("/retraining?part=ask&model=house-price")
    fill(page, "Why", "the summer is another one")
    fill(page, "Your name", "ann")
    page.get_by_role("button", name="Ask for retraining").click()

    expect(page.get_by_text("the worker sends it.")).to_be_visible(timeout=PATIENCE_MS)
    newest = list_runs(fleet_engine, "house-price")[0]
    assert newest.reason.startswith("the summer is another one")


def test_a_report_is_asked_for_and_called_off(watched: Watched, fleet_engine: Engine) -> None:
    page = watched.open("/reports?model=churn")
    fill(page, "Your name", "ann")
    page.get_by_role("button", name="Ask for it").click()

    expect(page.locator(".wk-step-now", has_text="Waits for the worker")).to_be_visible(timeout=PATIENCE_MS)
    [asked] = list_reports(fleet_engine, "churn")
    assert (asked["state"], asked["reason"]) == ("requested", "ann")

    page.get_by_role("button", name="Call it off").click()
    expect(page.get_by_text(f"Report {asked['id']} is called off.")).to_be_visible(timeout=PATIENCE_MS)
    assert list_reports(fleet_engine, "churn")[0]["state"] == "failed"


def test_the_review_is_read_in_a_frame_and_taken_along(watched: Watched) -> None:
    page = watched.open("/reports?part=review&of=arrival-delay")
    frame = page.get_by_test_id("stIFrame").content_frame.frame_locator("iframe")

    expect(frame.get_by_role("heading", name="Review of arrival-delay")).to_be_visible(timeout=PATIENCE_MS)
    assert frame.locator("svg.chart").count() == 2
    settled(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the review").click()
    assert "<h1>Review of arrival-delay</h1>" in download.value.path().read_text()
