"""What holds for every page: it loads, on data and without any, it can be read by everybody, and it fits the screen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import URL, Engine

from tests.conftest import postgres_copy
from tests.e2e.browser import PATIENCE_MS, Watched, dashboard, settled
from tests.e2e.pages import PATHS, shown, views

pytestmark = pytest.mark.browser

SERIOUS = {"serious", "critical"}
FILLED = {**PATHS, "model.learning": "/model?model=house-price"}
NAVIGATION = {"list", "listitem"}
"""Rules that Streamlit's list of pages breaks, not ours to mend: its sections stand in elements of no meaning."""
NARROW, USUAL, WIDE = 375, 1600, 2560
ENDED = """() => Promise.allSettled(document.getAnimations()
    .filter(one => one.effect.getComputedTiming().endTime < Infinity).map(one => one.finished)).then(() => null)"""
BACKGROUNDS = {"light": "rgb(252, 251, 248)", "dark": "rgb(18, 24, 29)"}


def test_no_page_is_left_out() -> None:
    assert shown() == views()


@pytest.mark.parametrize("path", FILLED.values(), ids=FILLED)
def test_a_page_loads_fits_any_screen_and_is_for_everybody(watched: Watched, fleet_database: URL, path: str) -> None:
    page = watched.open(path.format(model="arrival-delay"))

    if fleet_database.get_backend_name() != "sqlite":
        return  # what a page looks like does not depend on the database that its numbers come from
    for width in (USUAL, NARROW, WIDE):
        page.set_viewport_size({"width": width, "height": 900})
        settled(page)
        assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0, width
    for scheme, background in BACKGROUNDS.items():  # which have colours of their own, and no sizes
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        expect(page.get_by_test_id("stApp")).to_have_css("background-color", background, timeout=PATIENCE_MS)
        # Some parts take a fifth of a second from one scheme to the other; halfway nothing can be read.
        page.evaluate(ENDED)
        assert barriers(page) == [], scheme


def barriers(page: Page) -> list[str]:
    """What axe-core calls a serious or critical barrier, with the place where it is."""
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {one['help']}: {node['html'][:200]} {node.get('failureSummary', '')}"
        for one in found
        if one["impact"] in SERIOUS
        for node in one["nodes"]
        if not (one["id"] in NAVIGATION and is_in_navigation(page, node["target"][0]))
    ]


def is_in_navigation(page: Page, target: str) -> bool:
    """Whether it is Streamlit's list of pages, or within."""
    return bool(
        page.evaluate("target => !!document.querySelector(target)?.closest('[data-testid=stSidebarNav]')", target)
    )


@pytest.fixture(scope="module")
def empty_sqlite(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> URL:
    path = tmp_path_factory.mktemp("empty") / "watchkeeper.sqlite3"
    path.write_bytes(sqlite_template.read_bytes())
    return URL.create("sqlite", database=str(path))


@pytest.fixture(scope="module")
def empty_postgres(postgres_admin: Engine, postgres_template: str) -> Iterator[URL]:
    with postgres_copy(postgres_admin, postgres_template) as url:
        yield url


@pytest.fixture(scope="module", params=["empty_sqlite", "empty_postgres"], ids=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Watched]:
    """A visitor of a dashboard on a database that was migrated, and that holds nothing."""
    url: URL = request.getfixturevalue(request.param)
    with dashboard({"WATCHKEEPER_DATABASE_URL": url.render_as_string(hide_password=False)}) as address:
        context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
        yield Watched(context.new_page(), address)
        context.close()


@pytest.mark.parametrize("name", sorted(views()))
def test_a_page_with_nothing_to_show_says_what_to_do_next(empty: Watched, name: str) -> None:
    page = empty.open("/" if name == "fleet" else f"/{name}")

    expect(page.locator(".wk-title").first).not_to_be_empty()
    way_on = page.get_by_test_id("stMainBlockContainer").locator("a, button, [data-testid=stCode]")
    expect(way_on.first).to_be_visible(timeout=PATIENCE_MS)
    empty.assert_well()
