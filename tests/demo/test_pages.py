"""Every page of the dashboard on what the demo leaves behind: real predictions, a retraining, a drill."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Error

from tests.demo.conftest import Demo
from tests.e2e.browser import Watched, chromium, dashboard
from tests.e2e.pages import PATHS

pytestmark = pytest.mark.browser


def test_every_page_loads(demo: Demo, tmp_path: Path) -> None:
    copy = shutil.copytree(demo.path, tmp_path / "demo")
    with dashboard({"WATCHKEEPER_DATA_DIR": str(copy)}) as address:
        try:
            with chromium() as browser:
                page = browser.new_context(viewport={"width": 1440, "height": 1000}).new_page()
                watched = Watched(page, address)
                for path in PATHS.values():
                    watched.open(path.format(model="flight-delays"))
                    watched.assert_well()
        except Error as error:
            if os.environ.get("CI") or "launch" not in str(error):
                raise
            pytest.skip("no Chromium: install one, or run `playwright install chromium`")
