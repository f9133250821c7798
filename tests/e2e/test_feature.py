"""From feature to feature, and from one moment to another, with a mouse and without one."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect
from sqlalchemy import URL

from tests.e2e.browser import PATIENCE_MS, Watched, settled
from tests.ui.fleet import HOSTILE_FEATURE

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def fleet_database(sqlite_fleet: URL) -> URL:
    """One kind is enough: what a click leads to does not depend on the database."""
    return sqlite_fleet


def test_one_walks_through_the_features_by_keyboard_and_the_address_keeps_up(watched: Watched) -> None:
    page = watched.open("/feature?model=arrival-delay&days=90", charts=5)
    heading = page.get_by_role("heading", level=1)
    first = heading.inner_text()

    page.get_by_role("button", name="Next").focus()
    page.keyboard.press("Enter")

    expect(heading).not_to_have_text(first, timeout=PATIENCE_MS)
    settled(page, charts=5)
    second = heading.inner_text()
    page.reload()
    settled(page, charts=5)
    expect(heading).to_have_text(second)
    page.get_by_role("button", name="Previous").click()
    expect(heading).to_have_text(first, timeout=PATIENCE_MS)


def test_another_moment_redraws_before_and_after(watched: Watched) -> None:
    page = watched.open("/feature?model=arrival-delay&days=90&feature=temperature", charts=5)
    after = page.get_by_text(re.compile("^.?after: "))
    shown = after.inner_text()

    page.get_by_role("radio", name=re.compile("Middle of the range")).click()

    expect(after).not_to_have_text(shown, timeout=PATIENCE_MS)
    expect(page).to_have_url(re.compile("split=middle"))


def test_a_name_that_tries_to_be_markup_is_text_in_every_part(watched: Watched) -> None:
    page = watched.open("/feature?model=arrival-delay&days=90&feature=%3Cb%3Ewind%3C%2Fb%3E", charts=5)

    expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE_FEATURE)
    assert page.locator("h1 b").count() == 0
