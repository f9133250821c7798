"""The fleet and the timeline as people use them: search, filter, go on, send a link; and two people at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import URL

from app.ui import visits
from tests.e2e.browser import PATIENCE_MS, Watched, settled

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def fleet_database(sqlite_fleet: URL) -> URL:
    """One kind is enough: what a click leads to does not depend on the database."""
    return sqlite_fleet


@pytest.fixture
def other(browser: Browser, address: str) -> Iterator[Watched]:
    """Somebody else, at another machine."""
    context = browser.new_context(viewport={"width": 1600, "height": 1000}, reduced_motion="reduce")
    found = Watched(context.new_page(), address)
    yield found
    context.close()
    assert found.problems == []


def models(page: Page) -> list[str]:
    return page.get_by_test_id("stMain").get_by_test_id("stPageLink").all_inner_texts()


def query(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def test_what_one_looks_for_is_ones_own_and_a_link_restores_it(watched: Watched, other: Watched) -> None:
    page, elsewhere = watched.open("/?layout=rows"), other.open("/?layout=rows")
    expect(page.get_by_test_id("stMain").get_by_test_id("stPageLink")).to_have_count(4, timeout=PATIENCE_MS)

    page.get_by_label("Search").fill("churn")
    page.get_by_label("Search").press("Enter")
    expect(page.get_by_role("link", name="arrival-delay")).to_have_count(0, timeout=PATIENCE_MS)
    elsewhere.get_by_role("radio", name="◆ Breach").click()
    expect(elsewhere.get_by_role("link", name="churn")).to_have_count(0, timeout=PATIENCE_MS)
    settled(page)
    settled(elsewhere)

    assert (models(page), query(page)["q"]) == (["churn"], ["churn"])
    assert (models(elsewhere), query(elsewhere)["state"]) == (["arrival-delay"], ["breach"])
    assert "q" not in query(elsewhere)
    sent = urlsplit(elsewhere.url)
    restored = watched.open(f"/?{sent.query}")
    expect(restored.get_by_role("link", name="arrival-delay")).to_be_visible(timeout=PATIENCE_MS)
    assert models(restored) == ["arrival-delay"]


def test_a_row_leads_to_the_check_that_says_most(watched: Watched) -> None:
    page = watched.open("/?layout=rows&state=breach")

    page.get_by_role("link", name="arrival-delay").click(position={"x": 700, "y": 20})  # all of the row is the link

    expect(page.get_by_role("heading", name="arrival-delay", level=1)).to_be_visible(timeout=PATIENCE_MS)
    settled(page)
    assert query(page)["model"] == ["arrival-delay"]
    assert query(page)["check"] == ["performance"]


def test_what_is_wrong_since_when_why_what_was_done_and_what_to_do_take_two_clicks(watched: Watched) -> None:
    page = watched.open("/?layout=cards")
    card = page.locator('[class*="st-key-card-"]', has=page.get_by_role("link", name="arrival-delay"))
    expect(card.locator(".wk-statusline")).to_contain_text("Breach")
    expect(card.locator(".wk-statusline")).to_contain_text("since")
    expect(card.get_by_text("In breach:")).to_be_visible()

    card.get_by_role("link", name="arrival-delay").click()
    expect(page.get_by_text("Accuracy fell from")).to_be_visible(timeout=PATIENCE_MS)
    settled(page)
    answers = page.locator(".wk-answers")
    for heading, answer in (("Likely causes", "ol li"), ("What was done", "ul li"), ("What to do", "p")):
        part = answers.locator("> div", has=page.get_by_role("heading", name=heading))
        expect(part.locator(answer).first).not_to_be_empty()

    answers.get_by_role("link", name="Runbook").click()
    expect(page.get_by_text("of the model arrival-delay.")).to_be_visible(timeout=PATIENCE_MS)
    page.go_back()
    settled(page)
    page.locator('.wk-answers a[href^="alert?"]').first.click()
    expect(page.get_by_text("has it in hand")).to_be_visible(timeout=PATIENCE_MS)


def test_each_browser_knows_its_own_last_visit(watched: Watched, other: Watched) -> None:
    page = watched.open("/")
    expect(page.get_by_text("Since your last visit")).to_have_count(0)
    yesterday = datetime.now(UTC) - timedelta(days=1, minutes=1)
    cookie = {"name": visits.COOKIE, "value": str(visits.Visit(None, yesterday)), "url": watched.address}
    page.context.add_cookies([cookie])  # type: ignore[list-item]

    watched.open("/")
    other.open("/")

    expect(page.get_by_text("Since your last visit 1 day ago")).to_be_visible()
    expect(page.get_by_text("alerts began to fire for arrival-delay")).to_be_visible()
    expect(other.page.get_by_text("Since your last visit")).to_have_count(0)
    [kept] = [one for one in page.context.cookies() if one["name"] == visits.COOKIE]
    assert kept["httpOnly"]
    assert kept["sameSite"] == "Lax"


def test_the_timeline_leads_on_and_its_kind_stands_in_the_address(watched: Watched) -> None:
    page = watched.open("/timeline?model=arrival-delay&days=365", charts=1)

    page.get_by_role("radio", name="Deployments").click()
    expect(page.locator(".wk-events li")).to_have_count(1, timeout=PATIENCE_MS)
    settled(page)
    assert query(page)["kind"] == ["deployment"]
    page.get_by_role("link", name="version 2 went live").click()

    expect(page.locator(".wk-title").first).to_be_visible(timeout=PATIENCE_MS)
    assert urlsplit(page.url).path == "/versions"
