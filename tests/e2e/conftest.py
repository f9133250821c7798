"""A browser, a dashboard on a fleet in every state in both databases, and a visitor who notices whatever goes wrong."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Page
from sqlalchemy import URL, Engine

from app.storage.engine import engine_for
from tests.conftest import postgres_copy
from tests.e2e.browser import Watched, chromium, dashboard
from tests.ui import fleet

WIDE = 1600


@pytest.fixture(scope="module")  # no longer: while it lives, its thread has an event loop that runs
def browser() -> Iterator[Browser]:
    try:
        with chromium() as found:
            yield found
    except Error as error:
        if os.environ.get("CI"):
            pytest.fail(f"CI needs a Chromium: {error}")
        pytest.skip("no Chromium: install one, or run `playwright install chromium`")


@pytest.fixture(scope="session")
def fleet_template(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The SQLite database of `tests.ui.fleet`, to copy from."""
    path = tmp_path_factory.mktemp("fleet") / "watchkeeper.sqlite3"
    shutil.copy(sqlite_template, path)
    _build_fleet(URL.create("sqlite", database=str(path)))
    return path


@pytest.fixture(scope="session")
def postgres_fleet_template(postgres_admin: Engine, postgres_template: str) -> Iterator[URL]:
    """The PostgreSQL database of `tests.ui.fleet`, to copy from."""
    with postgres_copy(postgres_admin, postgres_template) as url:
        _build_fleet(url)
        yield url


def _build_fleet(url: URL) -> None:
    engine = engine_for(url)
    fleet.build(engine, datetime.now(UTC))
    engine.dispose()


@pytest.fixture(scope="module")
def sqlite_fleet(fleet_template: Path, tmp_path_factory: pytest.TempPathFactory) -> URL:
    """A copy for a module: for what does not depend on the database."""
    path = tmp_path_factory.mktemp("dashboard") / "watchkeeper.sqlite3"
    shutil.copy(fleet_template, path)
    return URL.create("sqlite", database=str(path))


@pytest.fixture(scope="module")
def postgres_fleet(postgres_admin: Engine, postgres_fleet_template: URL) -> Iterator[URL]:
    """A copy for a module."""
    with postgres_copy(postgres_admin, str(postgres_fleet_template.database)) as url:
        yield url


@pytest.fixture(scope="module", params=["sqlite_fleet", "postgres_fleet"], ids=["sqlite", "postgresql"])
def fleet_database(request: pytest.FixtureRequest) -> URL:
    """The database of `tests.ui.fleet`, once of each kind; a module's tests share it, and may change it."""
    url: URL = request.getfixturevalue(request.param)
    return url


@pytest.fixture(scope="module")
def address(fleet_database: URL) -> Iterator[str]:
    """A dashboard on the fleet."""
    with dashboard({"WATCHKEEPER_DATABASE_URL": fleet_database.render_as_string(hide_password=False)}) as found:
        yield found


@pytest.fixture
def fleet_engine(fleet_database: URL) -> Iterator[Engine]:
    """What the dashboard of this module reads and writes, to see in it what a click came to."""
    engine = engine_for(fleet_database)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Page]:
    """A tab for a module: to fetch and compile the dashboard's scripts again is half of what a page costs."""
    context = browser.new_context(reduced_motion="reduce")
    yield context.new_page()
    context.close()


@pytest.fixture
def watched(tab: Page, address: str) -> Iterator[Watched]:
    """A visitor of the fleet who was never there; at the end nothing may have gone wrong in the browser."""
    tab.set_viewport_size({"width": WIDE, "height": 1000})
    tab.emulate_media(color_scheme="light")
    found = Watched(tab, address)
    yield found
    try:
        found.assert_well()
    finally:
        found.leave()
