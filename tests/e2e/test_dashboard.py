"""The dashboard in a browser, on a fleet in every state, in both databases."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browser import PATIENCE_MS, Watched, dashboard, settled
from tests.ui import fleet

pytestmark = pytest.mark.browser


def test_a_click_on_the_worst_model_leads_to_why(watched: Watched) -> None:
    page = watched.open("/")

    page.get_by_role("link", name="arrival-delay").click()

    expect(page.get_by_role("heading", name="arrival-delay", level=1)).to_be_visible(timeout=PATIENCE_MS)
    settled(page)
    expect(page.get_by_text("Accuracy fell from")).to_be_visible()
    expect(page.get_by_role("heading", name="What to do")).to_be_visible()
    assert parse_qs(urlsplit(page.url).query)["model"] == ["arrival-delay"]


def test_a_link_restores_what_somebody_saw(watched: Watched) -> None:
    page = watched.open("/model?model=arrival-delay&check=correction_rate&days=30", charts=2)

    expect(page.get_by_text("Corrections: within limits")).to_be_visible()
    expect(page.get_by_test_id("stButtonGroup").get_by_role("radio", name="30 days")).to_be_checked()


def test_two_people_do_not_see_each_others_choices(browser: Browser, address: str, watched: Watched) -> None:
    mine = watched.open("/model?model=arrival-delay&tab=traffic", charts=1)
    context = browser.new_context()
    other = context.new_page()
    other.goto(f"{address}/model?model=churn")
    settled(other)
    context.close()

    mine.get_by_text("1 year").click()

    settled(mine, charts=1)
    expect(mine.get_by_role("heading", name="arrival-delay", level=1)).to_be_visible()


def test_a_name_that_looks_like_markup_is_shown_as_it_is(watched: Watched) -> None:
    page = watched.open("/")

    # A joiner behind each colon keeps `:smile:` from becoming an emoji; it has no width.
    shown = page.get_by_role("link", name="onerror").inner_text().replace("\u2060", "")
    assert shown == fleet.HOSTILE
    page.get_by_role("link", name="onerror").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(fleet.HOSTILE, timeout=PATIENCE_MS)
    assert page.locator("img[src=x]").count() == 0


def test_an_empty_database_says_which_command_mends_it(browser: Browser, tmp_path: Path) -> None:
    with dashboard({"WATCHKEEPER_DATA_DIR": str(tmp_path)}) as address:
        found = Watched(browser.new_page(), address)
        page = found.open("/")

        expect(page.get_by_text("watchkeeper db upgrade")).to_be_visible()
        assert found.problems == []
        page.close()


def test_a_page_of_another_name_is_refused_on_loopback(browser: Browser, address: str) -> None:
    """A hostile web page whose name resolves to 127.0.0.1 must not read the dashboard (DNS rebinding)."""
    port = urlsplit(address).port
    page = browser.new_page()

    with page.expect_console_message(lambda message: "WebSocket" in message.text) as refused:
        page.goto(f"http://rebound.localhost:{port}/")

    assert "403" in refused.value.text
    assert page.locator(".wk-title").count() == 0
    page.close()
