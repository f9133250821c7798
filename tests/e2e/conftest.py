"""A browser, a dashboard on a fleet in every state in both databases, and a visitor who notices whatever goes wrong."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, Error
from sqlalchemy import URL, Engine, text

from app.storage.engine import engine_for
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


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def fleet_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> URL:
    """The database of `tests.ui.fleet`, once of each kind; a module's tests share it, and may change it."""
    url = _sqlite(request, tmp_path_factory) if request.param == "sqlite" else _postgres(request)
    engine = engine_for(url)
    fleet.build(engine, datetime.now(UTC))
    engine.dispose()
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


def _sqlite(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> URL:
    path = tmp_path_factory.mktemp("dashboard") / "watchkeeper.sqlite3"
    shutil.copy(request.getfixturevalue("sqlite_template"), path)
    return URL.create("sqlite", database=str(path))


def _postgres(request: pytest.FixtureRequest) -> URL:
    """A database of its own, since the fixture of that name lasts for one test only."""
    admin: Engine = request.getfixturevalue("postgres_admin")
    name, template = f"watchkeeper_test_{uuid.uuid4().hex[:12]}", request.getfixturevalue("postgres_template")

    def run(statement: str) -> None:
        with admin.connect() as connection:
            connection.execute(text(statement))

    run(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    request.addfinalizer(lambda: run(f'DROP DATABASE "{name}" WITH (FORCE)'))
    return admin.url.set(database=name)


@pytest.fixture
def watched(browser: Browser, address: str) -> Iterator[Watched]:
    """A fresh visitor of the fleet; at the end nothing may have gone wrong in its browser."""
    context = browser.new_context(viewport={"width": WIDE, "height": 1000}, reduced_motion="reduce")
    found = Watched(context.new_page(), address)
    yield found
    found.assert_well()
    context.close()
