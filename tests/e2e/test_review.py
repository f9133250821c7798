"""Reviewing in a browser: with the keyboard alone, as a table, and two reviewers side by side."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from playwright.sync_api import TimeoutError as Late
from sqlalchemy import Engine, func, select

from app.core.review import Kind, Verdict
from app.services.review_answers import Answer, answer
from app.services.review_fill import fill_queues
from app.services.reviews import next_rows, set_review
from app.storage import tables
from app.storage.catalogue import find_model, find_version
from app.storage.engine import read, write
from app.storage.ingest import Rows, insert_rows
from tests.e2e.browser import PATIENCE_MS, Watched, settled
from tests.e2e.test_every_page import barriers

pytestmark = pytest.mark.browser

MODEL, VERSION = "churn", "2026.10"
AUDITS = 12
ROW = {"temperature": 99.0, "hour": 12.0, "carrier": "ZZ", "origin": "JFK"}
_c, _i = tables.correction.c, tables.review_item.c


@pytest.fixture(autouse=True)
def audits(fleet_engine: Engine) -> None:
    """Predictions that wait for an audit; those of an earlier test are gone."""
    now = datetime.now(UTC)
    with write(fleet_engine) as connection:
        version_id = find_version(connection, find_model(connection, MODEL).id, VERSION).id
        for table in (tables.correction, tables.review_item, tables.prediction):
            connection.execute(table.delete())
        features = json.dumps(ROW)
        rows = [
            (version_id, f"order-{n:02}", now, features, "1", None, 0.9, None, 5.0, None, None, None)
            for n in range(AUDITS)
        ]
        insert_rows(connection, [Rows(rows)], now)
    set_review(fleet_engine, now, MODEL, author="ops", audits_per_day=1_000, uncertain=False, novel=False)
    fill_queues(fleet_engine, now)


def opened(watched: Watched, author: str = "ann", query: str = "") -> Page:
    page = watched.open(f"/review?model={MODEL}{query}")
    page.get_by_label("Your name").fill(author)
    page.keyboard.press("Enter")
    return page


def shows(page: Page, prediction_id: str) -> None:
    expect(page.get_by_role("heading", name=prediction_id)).to_be_visible(timeout=PATIENCE_MS)
    settled(page)
    page.locator("body").press("Escape")  # out of the field that the name was typed into


def labels(engine: Engine) -> dict[str, str]:
    """What was said and not withdrawn, by prediction."""
    with read(engine) as connection:
        said = connection.execute(select(_c.id, _c.prediction_id, _c.label_class, _c.withdraws, _c.author)).all()
    gone = {row.withdraws for row in said}
    return {row.prediction_id: row.label_class for row in said if row.id not in gone and row.withdraws is None}


def test_the_keyboard_alone_answers_three_rows_and_takes_one_back(watched: Watched, fleet_engine: Engine) -> None:
    page = opened(watched)
    shows(page, "order-00")
    expect(page.get_by_text("above all of the reference").first).to_be_visible()
    expect(page.get_by_text("The model says")).to_have_count(0)
    assert barriers(page) == []
    page.get_by_label("Your name").blur()

    for key, after in (("1", "order-01"), ("0", "order-02"), ("0", "order-03")):
        page.keyboard.press(key)
        shows(page, after)
    page.keyboard.press("u")
    shows(page, "order-02")

    expect(page.get_by_text("order-02 waits for you again")).to_be_visible()
    assert labels(fleet_engine) == {"order-00": "1", "order-01": "0"}
    page.keyboard.press("s")
    shows(page, "order-03")
    with read(fleet_engine) as connection:
        states = connection.execute(select(_i.state, func.count()).group_by(_i.state)).all()
    assert dict(map(tuple, states)) == {"answered": 2, "skipped": 1, "waiting": AUDITS - 3}


def test_a_key_pressed_twice_at_once_answers_one_row(watched: Watched, fleet_engine: Engine) -> None:
    page = opened(watched)
    shows(page, "order-00")
    page.get_by_label("Your name").blur()

    page.evaluate(
        "for (const _ of [1, 2, 3]) document.dispatchEvent(new KeyboardEvent('keydown', {key: '1', code: 'Digit1',"
        " keyCode: 49, bubbles: true}))"
    )
    shows(page, "order-01")

    assert labels(fleet_engine) == {"order-00": "1"}


def fill_in(page: Page, grid: Locator, place: int, label: str) -> None:
    """Choose a label in the first column. A grid that is still laid out loses keys, so it is tried again."""
    option = page.get_by_role("option", name=label, exact=True)
    for _ in range(10):
        box = grid.bounding_box()
        assert box is not None
        page.mouse.click(box["x"] + 40, box["y"] + 52 + 35 * place)
        page.keyboard.press("Enter")
        with suppress(Late):
            option.click(timeout=5_000)
            return
        page.keyboard.press("Escape")
    pytest.fail(f"the cell of row {place} offers no {label}")


def test_a_table_is_filled_in_and_saved_at_once(watched: Watched, fleet_engine: Engine) -> None:
    page = opened(watched, query="&view=table")
    page.get_by_role("button", name="Take rows").click()
    grid = page.get_by_test_id("stDataFrame")
    expect(grid).to_be_visible(timeout=PATIENCE_MS)
    settled(page)

    for place, label in enumerate(("1", "0")):
        fill_in(page, grid, place, label)
        settled(page)
    save = page.get_by_role("button", name="Save 2 rows")
    expect(save).to_be_visible(timeout=PATIENCE_MS)
    save.click()

    expect(page.get_by_text("2 rows saved.")).to_be_visible(timeout=PATIENCE_MS)
    assert labels(fleet_engine) == {"order-00": "1", "order-01": "0"}


def test_two_reviewers_at_once_have_different_rows(watched: Watched, browser: Browser, address: str) -> None:
    ann = opened(watched)
    shows(ann, "order-00")
    context = browser.new_context(reduced_motion="reduce")
    other = Watched(context.new_page(), address)

    bob = opened(other, "bob")

    shows(bob, "order-01")
    expect(bob.get_by_text("ann 1 until")).to_be_visible()
    other.assert_well()
    context.close()
    expect(ann.get_by_label("Your name")).to_have_value("ann")


def test_a_decision_of_long_ago_is_found_by_its_day_and_taken_back(watched: Watched, fleet_engine: Engine) -> None:
    past = datetime.now(UTC) - timedelta(days=100)
    [row] = next_rows(fleet_engine, past, MODEL, Kind.AUDIT, author="ann", limit=1)
    answer(fleet_engine, past, MODEL, [Answer(row["item"], Verdict.CONFIRM)], author="ann")
    page = opened(watched, query="&view=decided")
    page.get_by_test_id("stDateInput").get_by_role("spinbutton").first.click()
    page.keyboard.type(f"{past:%Y%m%d}")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Take back").click()

    expect(page.get_by_text(f"Taken back: {row['prediction_id']} waits for you again.")).to_be_visible(
        timeout=PATIENCE_MS
    )
    assert labels(fleet_engine) == {}
