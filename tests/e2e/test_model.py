"""The page of a model in a browser: its parts by click and by link, and the way from the heat map to a feature."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import URL

from tests.e2e.browser import PATIENCE_MS, Watched, settled

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def fleet_database(sqlite_fleet: URL) -> URL:
    """One kind is enough: what a click leads to does not depend on the database."""
    return sqlite_fleet


@pytest.fixture
def page(watched: Watched) -> Page:
    watched.page.set_viewport_size({"width": 1440, "height": 1000})
    return watched.page


def query(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def test_a_click_on_a_part_shows_it_and_a_link_restores_it(page: Page, address: str) -> None:
    page.goto(f"{address}/model?model=arrival-delay&days=30")
    settled(page)
    expect(page.get_by_text("Accuracy fell from")).to_be_visible()

    page.get_by_role("radio", name="Speed").click()
    expect(page.get_by_text("Latency: within limits")).to_be_visible(timeout=PATIENCE_MS)
    settled(page, charts=2)
    assert (query(page)["tab"], query(page)["days"]) == (["speed"], ["30"])

    page.goto(page.url)
    settled(page, charts=2)
    expect(page.get_by_role("radio", name="Speed")).to_be_checked()
    expect(page.get_by_role("radio", name="30 days")).to_be_checked()


def test_a_click_on_the_heat_map_leads_to_the_feature(page: Page, address: str) -> None:
    page.goto(f"{address}/model?model=arrival-delay&tab=drift&check=missing_values&days=30")
    settled(page, charts=1)
    row = page.get_by_test_id("stPlotlyChart").locator(".ytick").first
    box, plot = row.bounding_box(), page.locator(".stPlotlyChart .draglayer .nsewdrag").first.bounding_box()
    assert box
    assert plot

    page.mouse.click(plot["x"] + plot["width"] / 2, box["y"] + box["height"] / 2)

    page.wait_for_url("**/feature?**", timeout=PATIENCE_MS)
    found = query(page)
    assert (found["model"], found["feature"], found["check"], found["days"]) == (
        ["arrival-delay"],
        ["visibility"],
        ["missing_values"],
        ["30"],
    )


def test_the_list_beside_it_leads_there_by_keyboard(page: Page, address: str) -> None:
    page.goto(f"{address}/model?model=arrival-delay&tab=drift&check=missing_values&days=30")
    settled(page, charts=1)

    page.get_by_role("link", name="visibility").focus()
    page.keyboard.press("Enter")

    page.wait_for_url("**/feature?**", timeout=PATIENCE_MS)
    assert query(page)["feature"] == ["visibility"]
