"""What somebody does about alerts in a browser, and that the database shows it, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import URL, Engine, select

from app.services.channels import add_channel
from app.services.overrides import list_overrides
from app.services.silences import end_silence, list_silences
from app.storage import tables
from tests.e2e.browser import PATIENCE_MS, Watched, dashboard, opened, settled
from tests.receivers import http_receiver

pytestmark = pytest.mark.browser

HOOK = "env:WATCHKEEPER_TEST_HOOK"
SKEW = "training_serving_skew"


@pytest.fixture(scope="module")
def address(fleet_database: URL) -> Iterator[str]:
    """A dashboard that may send to this machine."""
    url = fleet_database.render_as_string(hide_password=False)
    hook = "whsec_" + "c2VjcmV0" * 4
    allowed = {"WATCHKEEPER_ALLOW_PRIVATE_TARGETS": "true", "WATCHKEEPER_TEST_HOOK": hook}
    with dashboard({"WATCHKEEPER_DATABASE_URL": url, **allowed}) as found:
        yield found


def alerts_of(engine: Engine, check: str) -> list[dict[str, Any]]:
    a = tables.alert.c
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(select(tables.alert).where(a.check == check)).mappings()]


def type_in(page: Page, label: str, text: str) -> None:
    """Fill the text of that label in what is open, and leave it."""
    field = page.get_by_label(label, exact=True).locator("visible=true").last
    field.fill(text)
    field.press("Tab")


def test_a_group_is_taken_in_hand_from_the_list_and_resolved_on_its_page(
    watched: Watched, fleet_engine: Engine
) -> None:
    page = watched.open(f"/alerts?check={SKEW}")
    page.get_by_role("button", name="Take in hand").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("4 alerts: arrival-delay 2: carrier")).to_be_visible(timeout=PATIENCE_MS)
    dialog.get_by_label("Your name").fill("ann")
    dialog.get_by_label("Comment").fill("looking at the join")
    dialog.get_by_role("button", name="I have them in hand").click()

    expect(page.get_by_text("in the hands of ann")).to_be_visible(timeout=PATIENCE_MS)
    assert {row["acknowledged_by"] for row in alerts_of(fleet_engine, SKEW)} == {"ann"}

    page.get_by_role("link", name="arrival-delay 2: Skew against training").click()
    expect(page.get_by_text("ann has it in hand since")).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("button", name="Resolve").click()
    type_in(page, "Comment", "the join is mended")
    page.get_by_role("button", name="It is over").click()

    expect(page.get_by_text("ann resolved it on")).to_be_visible(timeout=PATIENCE_MS)
    over = [row for row in alerts_of(fleet_engine, SKEW) if row["state"] == "resolved"]
    assert [row["resolved_comment"] for row in over] == ["the join is mended"]


def say(page: Page, menu: str, comment: str, press: str) -> None:
    """Open what that button opens, which an act before may have left open; give name and comment, and press."""
    settled(page)
    button = page.get_by_test_id("stFormSubmitButton").get_by_role("button", name=press).locator("visible=true")
    opened(page.locator("[data-testid=stPopover] button", has_text=menu).first, button)
    type_in(page, "Your name", "ann")
    type_in(page, "Comment", comment)
    button.click()


def test_an_alert_is_acknowledged_given_back_and_silenced_on_its_page(watched: Watched, fleet_engine: Engine) -> None:
    alert = next(row for row in alerts_of(fleet_engine, "performance") if row["state"] == "firing")
    page = watched.open(f"/alert?id={alert['id']}")

    def state() -> tuple[str, str]:
        [row] = [row for row in alerts_of(fleet_engine, "performance") if row["id"] == alert["id"]]
        return row["state"], row["acknowledged_by"]

    for button, press, said, after in (
        ("Acknowledge", "I have it in hand", "ann has it in hand since", ("acknowledged", "ann")),
        ("Give it back", "Give it back", "Nobody has it in hand.", ("firing", "")),
    ):
        say(page, button, "looking", press)
        expect(page.get_by_text(said)).to_be_visible(timeout=PATIENCE_MS)
        assert state() == after

    say(page, "Silence", "known", "Silence")
    expect(page.get_by_text("Nobody is told:")).to_be_visible(timeout=PATIENCE_MS)
    (silence,) = list_silences(fleet_engine, datetime.now(UTC))
    assert (silence["check"], silence["comment"]) == ("performance", "known")
    end_silence(fleet_engine, datetime.now(UTC), silence["id"], "ann")


def test_a_silence_is_made_and_ended(watched: Watched, fleet_engine: Engine) -> None:
    page = watched.open("/alerts?part=silences")
    page.get_by_role("combobox", name="Check").click()
    page.get_by_role("option", name=SKEW).click()
    expect(page.get_by_text("It would silence")).to_be_visible(timeout=PATIENCE_MS)
    type_in(page, "Your name", "ann")
    type_in(page, "Comment", "a planned migration")
    page.get_by_role("button", name="Make it").click()

    expect(page.get_by_text("1 silence holds now.")).to_be_visible(timeout=PATIENCE_MS)
    (silence,) = list_silences(fleet_engine, datetime.now(UTC))
    assert (silence["check"], silence["author"], silence["comment"]) == (SKEW, "ann", "a planned migration")

    page.get_by_role("button", name="End it").click()
    page.get_by_role("button", name=f"End silence {silence['id']} now").click()

    expect(page.get_by_text("Nothing is silenced: every alert is told.")).to_be_visible(timeout=PATIENCE_MS)
    assert list_silences(fleet_engine, datetime.now(UTC)) == []


def test_a_limit_is_tried_on_the_past_before_it_is_set(watched: Watched, fleet_engine: Engine) -> None:
    page = watched.open(f"/limits?model=arrival-delay&check={SKEW}&subject=carrier")
    field = page.get_by_role("spinbutton", name="Limit")
    field.fill("5")
    field.press("Enter")

    expect(page.get_by_text("A limit of 5 would have raised 0 alerts")).to_be_visible(timeout=PATIENCE_MS)
    assert list_overrides(fleet_engine, "arrival-delay") == []
    type_in(page, "Your name", "ann")
    type_in(page, "Reason", "carriers merge")
    page.get_by_role("button", name="Set it to 5").click()

    expect(page.get_by_text("The limit is 5 for windows that end from now on.")).to_be_visible(timeout=PATIENCE_MS)
    (row,) = list_overrides(fleet_engine, "arrival-delay")
    assert (row["check"], row["subject"], row["limit"], row["reason"]) == (SKEW, "carrier", 5.0, "carriers merge")


def test_a_channel_is_tested(watched: Watched, fleet_engine: Engine) -> None:
    with http_receiver() as receiver:
        where = {"url": f"http://127.0.0.1:{receiver.port}/hook", "secret": HOOK}
        add_channel(fleet_engine, datetime.now(UTC), "ops", "webhook", where)
        page = watched.open("/channels")
        page.locator('[class*="st-key-card-channel-ops"]').get_by_role("button", name="Send a test").click()

        expect(page.get_by_text("The test message (news) was taken. It answered HTTP 200")).to_be_visible(
            timeout=PATIENCE_MS
        )
        settled(page)
        assert [one.path for one in receiver.received] == ["/hook"]
